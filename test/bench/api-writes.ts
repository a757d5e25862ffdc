import { setTimeout as sleep } from 'node:timers/promises';
import { installNamespace } from '../lab/agents.ts';
import { asset } from '../lab/assets.ts';
import type { Lab } from '../lab/lab.ts';
import { LabProcess } from '../lab/process.ts';

/** The API's writes over a while in which nothing happened. */
export interface Writes {
  readonly seconds: number;
  /** Committed writes by Lease of ours: a watch sees each of them as one event. */
  readonly leases: ReadonlyMap<string, number>;
  /** Every writing request that the API server answered, whoever sent it: `PUT leases 200` -> number. */
  readonly requests: ReadonlyMap<string, number>;
}

const WRITES = new Set(['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE', 'DELETECOLLECTION']);

/** Counts writes for `seconds`. */
export async function countWrites(lab: Lab, seconds: number): Promise<Writes> {
  const counting = await startCounting(lab);
  await sleep(seconds * 1000);
  return counting.stop();
}

/** Begins to count writes, by a watch of our Leases and by the API server's own request counter. */
export async function startCounting({ controlPlane }: Lab): Promise<{ stop(): Promise<Writes> }> {
  const { netns, folder } = controlPlane;
  const watch = new LabProcess({
    netns,
    program: asset('kubectl'),
    args: ['get', 'leases', '-n', installNamespace, '--watch-only', '-o', 'name'],
    log: `${folder}/bench-watch.log`,
    env: { KUBECONFIG: controlPlane.kubeconfig('admin'), KUBECACHEDIR: `${folder}/kubectl-cache` },
  });
  const metrics = async () => requestsIn(await controlPlane.kubectl(['get', '--raw', '/metrics']));
  // The watch needs a moment to stand before it counts.
  await sleep(3000);
  const before = await metrics();
  const seen = watch.output().length;
  const start = performance.now();
  const stop = async () => {
    const events = watch.output().slice(seen);
    const seconds = (performance.now() - start) / 1000;
    const after = await metrics();
    await watch.stop('SIGTERM');
    return writesOf(events, seconds, difference(before, after));
  };
  return { stop };
}

function writesOf(events: string, seconds: number, requests: Writes['requests']): Writes {
  const leases = new Map<string, number>();
  for (const line of events.trim().split('\n')) {
    const name = line.slice(line.indexOf('/') + 1);
    if (name !== '') leases.set(name, (leases.get(name) ?? 0) + 1);
  }
  return { seconds, leases, requests };
}

function difference(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const requests = new Map<string, number>();
  for (const [key, count] of after) {
    const more = count - (before.get(key) ?? 0);
    if (more > 0) requests.set(key, more);
  }
  return requests;
}

function requestsIn(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, labels, value] = /^apiserver_request_total\{(.*)\} (\S+)$/.exec(line) ?? [];
    if (labels === undefined) continue;
    const label = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
    if (!WRITES.has(label('verb'))) continue;
    const resource = [label('resource'), label('subresource')].filter((part) => part !== '');
    const key = `${label('verb')} ${resource.join('/')} ${label('code')}`;
    counts.set(key, (counts.get(key) ?? 0) + Number(value));
  }
  return counts;
}
