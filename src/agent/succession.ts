import { authorityOf, type Decision, proofOf } from '../election/decide.ts';
import { knownDead } from '../election/probing.ts';
import type { ElectionState } from '../election/state.ts';
import { SEND_DELAY_MS } from '../election/timing.ts';
import { add, type Instant, NEVER } from '../instant.ts';
import type { Vip } from '../model.ts';
import { usableLinks } from '../net/usable-links.ts';
import type { NodeLock } from '../sys/node-lock.ts';
import type { Grant } from '../wire/messages.ts';
import type { AgentDeps, AgentOptions } from './agent.ts';
import { type Holdings, linksToServe, tablesOf } from './carry.ts';
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
/**
 * So long the wires go on answering under the last incarnation while the heir begins the next. Nobody takes its VIPs
 * over before: it is heard, and to find it silent takes longer.
 */
const OVERLAP_MS = 250;

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

/** Leaves the claims as they are, passes the lock on, and answers until the heir does. */
export async function handOver(
  { clock, log }: AgentDeps,
  { wires, election, lock }: Ready & { readonly election: ElectionLoop; readonly lock: NodeLock },
): Promise<void> {
  await until(clock, SETTLE_MS, () => {
    const { heartbeat, claims } = election.state();
    return heartbeat.inFlight === undefined && claims.inFlight === undefined;
  });
  const state = election.state();
  const { heartbeat, claims } = state;
  const revision = laterOf(heartbeat.base ?? 0n, claims.base ?? 0n);
  wires.tick(lastGrant(state, clock.now()), clock.now());
  await lock.handOver({ revision, dead: knownDead(state) }, OVERLAP_MS);
  wires.setTables(new Map());
  wires.tick(nothing(clock.now()), clock.now());
  const stopped = await until(clock, STOP_MS, () => wires.held().size === 0);
  // Closing ends it, by force if it has to.
  if (!stopped) await wires.close();
  await lock.stopped();
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

/** What an heir knows of the process that hands over to it. */
export interface Overlap {
  /** VIPs for which that one may still be answering. */
  held(): ReadonlySet<Vip>;
  /** To be told of every decision. */
  follow(decision: Decision): void;
}

/**
 * The time in which our predecessor on this host answers, and we do not yet: until all that it claimed is active, so
 * that its stop and our beginning are all that is missed. `onChange` is called at its end.
 */
export function overlapOf(
  { clock }: Pick<AgentDeps, 'clock'>,
  { node }: Pick<AgentOptions, 'node'>,
  {
    stores,
    lock: { succession },
    onChange,
  }: Pick<Ready, 'stores'> & { readonly lock: NodeLock; readonly onChange: () => void },
): Overlap {
  if (succession.kind === 'found free') return { held: () => new Set(), follow: () => {} };
  const { predecessor } = succession;
  let held: ReadonlySet<Vip> = new Set(claimedBefore(stores, node));
  let isCalled = false;
  const end = () => {
    held = new Set();
    onChange();
  };
  void predecessor.end.then((how) => {
    if (how === 'stopped') end();
  });
  // Of a predecessor that is gone without a word a frame may still be on its way (A2).
  void clock.sleep(OVERLAP_MS + SEND_DELAY_MS).then(end);
  return {
    held: () => held,
    follow({ active, waiting }) {
      if (isCalled || active.size < held.size || waiting.size > 0) return;
      isCalled = true;
      predecessor.ready();
    },
  };
}

/** The tables of an agent whose predecessor may still be answering: it remembers who asks. */
export function waitingOnly({ active, waiting }: Holdings): Holdings {
  const all = new Set([...active.keys(), ...waiting]);
  return { active: new Map(), silentSince: new Map(), waiting: all };
}

/** What the agent before us has claimed, as far as the watch has shown. */
function claimedBefore(stores: AgentStores, node: string): Iterable<Vip> {
  return stores.leases().claims.get(node)?.record.vips.keys() ?? [];
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
  const waiting = new Set(claimedBefore(stores, options.node));
  const holdings = { active: new Map(), silentSince: new Map(), waiting };
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

/** The grant of an agent that will not renew its authority. */
function lastGrant(state: ElectionState, now: Instant): Grant {
  const until = Math.min(authorityOf(state) ?? NEVER, add(now, OVERLAP_MS)) as Instant;
  const { incarnation } = state;
  return { ...nothing(now), until, provenAt: proofOf(state), incarnation };
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
