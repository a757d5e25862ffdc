import { FOREVER, type Instant } from '../instant.ts';
import type { KubeApi } from '../kube/api.ts';
import { revisionOf } from '../kube/json.ts';
import { nodes, pools, services } from '../kube/resources.ts';
import { type Store, watchStore } from '../kube/store.ts';
import type { ClusterNode, Pool, Service, Vip } from '../model.ts';
import type { Clock } from '../sys/clock.ts';
import type { Log } from '../sys/log.ts';
import { type Attempt, failed, isDue, isSettled, succeeded } from './attempts.ts';
import { plan, type StatusWrite } from './plan.ts';

export interface ControllerOptions {
  readonly api: KubeApi;
  /** Where the pools are. */
  readonly namespace: string;
  /** Only Services of this class; undefined: only those without a class. */
  readonly loadBalancerClass: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const WRITE_TIMEOUT_MS = 10_000;
const WRITES_AT_ONCE = 8;

interface State {
  readonly services: Store<Service>;
  readonly pools: Store<Pool>;
  readonly nodes: Store<ClusterNode>;
  readonly attempts: Map<string, Attempt>;
  /** What was last logged about a Service that waits. */
  refusals: ReadonlyMap<string, string>;
}

/**
 * Gives every Service of the class an address, until aborted. Only one controller may run in a
 * cluster.
 */
export async function runController(options: ControllerOptions): Promise<void> {
  const { api, clock, log, namespace, signal } = options;
  let nap = new AbortController();
  const shared = { api, clock, log, onChange: () => nap.abort() };
  const state: State = {
    services: watchStore({ ...shared, resource: services }),
    pools: watchStore({ ...shared, resource: pools(namespace) }),
    nodes: watchStore({ ...shared, resource: nodes }),
    attempts: new Map(),
    refusals: new Map(),
  };
  try {
    while (!signal.aborted) {
      nap = new AbortController();
      const wakeAt = await turn(options, state);
      const pause = Math.max(0, wakeAt - clock.now());
      await clock.sleep(pause, AbortSignal.any([nap.signal, signal]));
    }
  } finally {
    await Promise.all([state.services, state.pools, state.nodes].map((store) => store.close()));
  }
}

/**
 * Takes a snapshot, plans and performs; the result is when the next turn is due even if nothing
 * changes.
 */
async function turn(options: ControllerOptions, state: State): Promise<Instant> {
  const seen = state.services.snapshot();
  const pools = state.pools.snapshot();
  const nodes = state.nodes.snapshot();
  if (!seen.synced || !pools.synced || !nodes.synced) return FOREVER;
  for (const [key, attempt] of state.attempts) {
    if (isSettled(attempt, seen.items.get(key))) state.attempts.delete(key);
  }
  const { writes, refusals } = plan({
    services: seen.items.values(),
    pools: pools.items.values(),
    nodes: nodes.items.values(),
    loadBalancerClass: options.loadBalancerClass,
    intended: intendedOf(state.attempts),
  });
  logRefusals(options.log, state.refusals, refusals);
  state.refusals = refusals;
  const due = writes.filter((w) => isDue(state.attempts.get(w.service), options.clock.now()));
  for (let i = 0; i < due.length && !options.signal.aborted; i += WRITES_AT_ONCE) {
    await Promise.all(due.slice(i, i + WRITES_AT_ONCE).map((w) => perform(options, state, w)));
  }
  return wakeAt(state.attempts, writes);
}

async function perform(
  options: ControllerOptions,
  state: State,
  write: StatusWrite,
): Promise<void> {
  const { api, clock, log, signal } = options;
  const { service, vip, reason } = write;
  const [namespace, name] = service.split('/');
  const answer = await api.request({
    method: 'PATCH',
    path: `/api/v1/namespaces/${namespace}/services/${name}/status`,
    contentType: 'application/merge-patch+json',
    body: {
      metadata: { resourceVersion: write.resourceVersion },
      status: {
        loadBalancer: vip === undefined ? null : { ingress: [{ ip: vip, ipMode: 'VIP' }] },
      },
    },
    timeoutMs: WRITE_TIMEOUT_MS,
    signal,
  });
  const before = state.attempts.get(service);
  if (answer.ok) {
    state.attempts.set(service, succeeded(write, revisionOf(answer.body)));
    const what = vip === undefined ? 'address taken back' : 'address assigned';
    log.info({ service, vip, reason }, what);
    return;
  }
  // Deleted meanwhile, or changed: the next snapshot says which.
  state.attempts.set(service, failed(write, before, clock.now()));
  if (answer.kind === 'conflict' || answer.kind === 'not-found' || answer.kind === 'aborted')
    return;
  log.warn({ service, vip, reason: answer.message }, 'cannot write the status; trying again');
}

function intendedOf(attempts: ReadonlyMap<string, Attempt>): ReadonlyMap<string, Vip> {
  const intended = new Map<string, Vip>();
  for (const [service, { vip }] of attempts) if (vip !== undefined) intended.set(service, vip);
  return intended;
}

/** The first retry that is due; what has succeeded is waited for without a time. */
function wakeAt(attempts: ReadonlyMap<string, Attempt>, writes: readonly StatusWrite[]): Instant {
  let first = FOREVER;
  for (const { service } of writes) {
    const attempt = attempts.get(service);
    if (attempt?.revision === 0n && attempt.notBefore < first) first = attempt.notBefore;
  }
  return first;
}

function logRefusals(
  log: Log,
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): void {
  for (const [service, reason] of now) {
    if (before.get(service) !== reason)
      log.warn({ service, reason }, 'no address for this Service');
  }
}
