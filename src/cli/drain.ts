import { stdout } from 'node:process';
import { drainReason } from '../agent/demand.ts';
import type { LeaseCut } from '../election/records.ts';
import { add } from '../instant.ts';
import type { ApiFailure, FailureKind } from '../kube/answer.ts';
import { type KubeApi, openKubeApi } from '../kube/api.ts';
import { isRecord } from '../kube/json.ts';
import { listLeases } from '../kube/leases.ts';
import { DRAIN_ANNOTATION, decodeNode, nodePath } from '../kube/node.ts';
import { nodes } from '../kube/resources.ts';
import type { NodeName, Vip } from '../model.ts';
import { type Clock, systemClock } from '../sys/clock.ts';
import { openLog } from '../sys/log.ts';
import type { DrainArguments } from './command.ts';
import {
  doneLine,
  type Holdings,
  holdingsOf,
  livingBetween,
  progressLine,
  stuckLines,
} from './drain-progress.ts';

/** What `leasehold drain` works with. */
export interface DrainShell {
  readonly api: KubeApi;
  readonly clock: Clock;
  print(line: string): void;
}

const POLL_MS = 500;
/** An agent that has not seen the request yet may claim once more: so long nothing may be held. */
const QUIET_POLLS = 2;
const REQUEST_TIMEOUT_MS = 5_000;
/** Asking again would not help. */
const FINAL: ReadonlySet<FailureKind> = new Set(['forbidden', 'unauthorized', 'invalid']);
/** The slowest profile renews every 3 s: in a shorter time nobody can be taken for dead. */
const LIVENESS_MS = 10_000;

/** `leasehold drain` under the operator's own rights; the result is the exit code. */
export async function drainNode(args: DrainArguments): Promise<number> {
  const clock = systemClock();
  const api = await openKubeApi({
    kubeconfig: args.kubeconfig,
    clock,
    log: openLog('error'),
  });
  const print = (line: string) => void stdout.write(`${line}\n`);
  try {
    return await drain(args, { api, clock, print });
  } finally {
    await api.close();
  }
}

/**
 * Asks for the drain, or takes the request back, and follows it to its end: 0 once the node owns
 * nothing, 1 if it still does when the time is over. Throws one sentence if the API server refuses.
 */
export async function drain(args: DrainArguments, shell: DrainShell): Promise<number> {
  if (args.undo) {
    shell.print(undone(args.node, await annotate(args.node, null, shell.api)));
    return 0;
  }
  // Before the request, for the first VIPs have moved within 0.1 s of it.
  const first = await readLeases(args, shell.api);
  await annotate(args.node, 'true', shell.api);
  return follow(args, shell, first);
}

/** Sets or removes the annotation; the result is the Node. */
async function annotate(node: NodeName, value: 'true' | null, api: KubeApi): Promise<unknown> {
  const answer = await api.request({
    method: 'PATCH',
    path: nodePath(node),
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations: { [DRAIN_ANNOTATION]: value } } },
    timeoutMs: REQUEST_TIMEOUT_MS,
  });
  if (answer.ok) return answer.body;
  throw new Error(refusal(node, answer));
}

/** Leases of no agent at all mean that we look in the wrong place. */
async function readLeases({ namespace }: DrainArguments, api: KubeApi): Promise<LeaseCut> {
  const answer = await listLeases(api, namespace, { timeoutMs: REQUEST_TIMEOUT_MS });
  if (answer.kind === 'failed') {
    throw new Error(`nothing was asked for: ${blind(namespace, answer.failure)}`);
  }
  if (answer.cut.claims.size > 0 || answer.cut.unreadable.size > 0) return answer.cut;
  throw new Error(
    `nothing was asked for: no agent has a claims lease in ${namespace}; ` +
      'give --namespace the one that the agents run in',
  );
}

async function follow(args: DrainArguments, shell: DrainShell, first: LeaseCut): Promise<number> {
  const { node, namespace, timeoutMs } = args;
  const { api, clock, print } = shell;
  const deadline = add(clock.now(), timeoutMs);
  const seen = new Set<Vip>(holdingsOf(first, node).held);
  let told = '';
  for (let quiet = 0; ; ) {
    const answer = await listLeases(api, namespace, { timeoutMs: REQUEST_TIMEOUT_MS });
    const late = clock.now() >= deadline;
    if (answer.kind === 'listed') {
      const holdings = holdingsOf(answer.cut, node);
      for (const vip of holdings.held) seen.add(vip);
      const progress = seen.size === 0 ? '' : progressLine(seen, holdings.held);
      if (progress !== told) print(progress);
      told = progress;
      quiet = holdings.held.size === 0 && !holdings.unreadable ? quiet + 1 : 0;
      if (quiet >= QUIET_POLLS || (quiet > 0 && late)) return done(node, seen, holdings, print);
      if (late) return await stuck(args, shell, { first, last: answer.cut, holdings });
    } else if (late || FINAL.has(answer.failure.kind)) {
      const what = blind(namespace, answer.failure);
      throw new Error(`${node} is asked to drain, but how far it is cannot be told: ${what}`);
    }
    await clock.sleep(POLL_MS);
  }
}

function done(
  node: NodeName,
  seen: ReadonlySet<Vip>,
  holdings: Holdings,
  print: (line: string) => void,
): number {
  print(doneLine(node, seen, holdings));
  print(
    `It takes none while another node can, until this is taken back: leasehold drain ${node} --undo`,
  );
  return 0;
}

async function stuck(
  { node, timeoutMs }: DrainArguments,
  { api, print }: DrainShell,
  seen: { readonly first: LeaseCut; readonly last: LeaseCut; readonly holdings: Holdings },
): Promise<number> {
  const { first, last, holdings } = seen;
  const living =
    timeoutMs < LIVENESS_MS ? new Set(last.heartbeats.keys()) : livingBetween(first, last);
  const draining = await drainingNodes(api);
  const seconds = timeoutMs / 1000;
  for (const line of stuckLines({ node, seconds, holdings, living, draining })) print(line);
  print(`The request stands; to take it back: leasehold drain ${node} --undo`);
  return 1;
}

/** Which nodes drain, and why; nothing if the caller may not list nodes. */
async function drainingNodes(api: KubeApi): Promise<ReadonlyMap<NodeName, string>> {
  const answer = await api.request({ path: nodes.path, timeoutMs: REQUEST_TIMEOUT_MS });
  const draining = new Map<NodeName, string>();
  if (!answer.ok || !isRecord(answer.body)) return draining;
  const items = answer.body['items'];
  for (const raw of Array.isArray(items) ? items : []) {
    const node = decodeNode(raw);
    const reason = node.ok ? drainReason(node.value) : undefined;
    if (node.ok && reason !== undefined) draining.set(node.value.name, reason);
  }
  return draining;
}

function undone(node: NodeName, body: unknown): string {
  const decoded = decodeNode(body);
  const reason = decoded.ok ? drainReason(decoded.value) : undefined;
  if (reason === undefined) return `${node} may own VIPs again.`;
  const remedy =
    reason === 'cordoned'
      ? `kubectl uncordon ${node}`
      : `kubectl taint node ${node} ${reason.replace(/^taint /, '')}-`;
  return `The request is taken back, but ${node} drains all the same (${reason}): ${remedy}`;
}

function blind(namespace: string, { kind, message }: ApiFailure): string {
  if (kind !== 'forbidden') return message;
  return `${message}; draining needs the right to list leases in ${namespace}`;
}

function refusal(node: NodeName, { kind, message }: ApiFailure): string {
  if (kind === 'not-found') return `there is no node ${node}: \`kubectl get nodes\` lists them`;
  if (kind === 'forbidden') return `${message}; draining needs the right to patch nodes`;
  return `cannot change node ${node}: ${message}`;
}
