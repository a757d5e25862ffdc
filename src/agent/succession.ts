import { knownDead } from '../election/probing.ts';
import { add, type Instant } from '../instant.ts';
import { usableLinks } from '../net/usable-links.ts';
import type { NodeLock } from '../sys/node-lock.ts';
import type { Grant } from '../wire/messages.ts';
import type { AgentDeps, AgentOptions } from './agent.ts';
import { linksToServe, tablesOf } from './carry.ts';
import type { ElectionLoop } from './election-loop.ts';
import { rehearsal } from './rehearsal.ts';
import type { Changed } from './signal.ts';
import type { AgentStores } from './stores.ts';
import type { WireSet } from './wires.ts';

const TICK_MS = 50;
/** How often who waits looks at the world when nothing changes. */
const PACE_MS = 1000;
/** Writes under way are waited for so long: one that commits later costs the heir a refusal. */
const SETTLE_MS = 300;
/** A wire that has not taken its empty table by then is ended. */
const STOP_MS = 300;
const LOOK_MS = 2;
/** By then the heir answers. */
const LINGER_MS = 300;

interface Ready {
  readonly stores: AgentStores;
  readonly wires: WireSet;
}

/**
 * Waits until the lock of this host is ours. Meanwhile all is made ready to go on where the agent before us
 * stops: everything is followed, and wires are open and remember who asks for what it owns.
 */
export async function awaitTurn(
  deps: AgentDeps,
  options: AgentOptions,
  { stores, wires, changed }: Ready & { readonly changed: Changed },
): Promise<NodeLock | 'aborted'> {
  const { clock, metrics } = deps;
  let lock: NodeLock | 'aborted' | undefined;
  void options.lock.then((taken) => {
    lock = taken;
    changed.raise();
  });
  const tick = clock.every(TICK_MS, () => {
    wires.tick(nothing(clock.now()), clock.now());
    metrics.ticked(clock.now());
  });
  // Whoever finds the lock free has it within a moment, and needs no wire before its election.
  await changed.wait(add(clock.now(), TICK_MS));
  const rehearse = rehearsal(deps, options);
  while (lock === undefined) {
    makeReady(deps, options, { stores, wires, rehearse });
    await changed.wait(add(clock.now(), PACE_MS));
  }
  tick.close();
  return lock;
}

/** Stops answering, leaves the claims as they are, and passes the lock on. */
export async function handOver(
  { clock, log }: AgentDeps,
  { wires, election, lock }: Ready & { readonly election: ElectionLoop; readonly lock: NodeLock },
): Promise<void> {
  await until(clock, SETTLE_MS, () => {
    const { heartbeat, claims } = election.state();
    return heartbeat.inFlight === undefined && claims.inFlight === undefined;
  });
  wires.setTables(new Map());
  wires.tick(nothing(clock.now()), clock.now());
  const stopped = await until(clock, STOP_MS, () => wires.held().size === 0);
  // Closing ends it, by force if it has to.
  if (!stopped) await wires.close();
  const { heartbeat, claims } = election.state();
  const revision = laterOf(heartbeat.base ?? 0n, claims.base ?? 0n);
  await lock.handOver({ revision, dead: knownDead(election.state()) });
  log.info({}, 'handed over to the agent that waits on this node');
  // The end of our processes takes the processor from the heir, which nobody waits for but now.
  await clock.sleep(LINGER_MS);
}

/** Waits until the watch shows what the agent before us wrote last: what is built on less is refused. */
export async function caughtUp(
  { clock }: AgentDeps,
  { succession }: NodeLock,
  stores: AgentStores,
): Promise<void> {
  if (succession.kind === 'found free') return;
  await until(clock, SETTLE_MS, () => stores.leases().revision >= succession.revision);
}

function laterOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function makeReady(
  deps: AgentDeps,
  options: AgentOptions,
  { stores, wires, rehearse }: Ready & { readonly rehearse: ReturnType<typeof rehearsal> },
): void {
  const demand = stores.demand();
  if (demand === undefined) return;
  const usable = usableLinks(deps.links.links(), options.linkFilter);
  wires.keep(linksToServe(usable, demand.ranges, demand.vips.keys()));
  const serving = wires.serving(usable, deps.clock.now());
  const claimed = stores.leases().claims.get(options.node)?.record.vips.keys() ?? [];
  const holdings = { active: new Map(), silentSince: new Map(), waiting: new Set(claimed) };
  wires.setTables(tablesOf(holdings, demand, serving, options.node));
  rehearse({
    leases: stores.leases(),
    demand,
    links: serving,
    held: new Set(),
    suspectSince: undefined,
    selfFenced: 0,
    witness: wires.report(),
  });
}

/** The grant of an agent that has no authority and nothing to say. */
function nothing(now: Instant): Grant {
  const nobody = { until: null, provenAt: null, incarnation: 0, held: false, beat: null, ask: [] };
  return { ...nobody, sentAt: now };
}

async function until(
  clock: AgentDeps['clock'],
  ms: number,
  question: () => boolean,
): Promise<boolean> {
  const deadline = add(clock.now(), ms);
  while (!question()) {
    if (clock.now() >= deadline) return false;
    await clock.sleep(LOOK_MS);
  }
  return true;
}
