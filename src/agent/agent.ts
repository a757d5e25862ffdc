import type { Decision } from '../election/decide.ts';
import { succeeded } from '../election/events.ts';
import { initialState } from '../election/state.ts';
import { contactGap, type Timing } from '../election/timing.ts';
import { add, type Instant } from '../instant.ts';
import type { KubeApi } from '../kube/api.ts';
import type { NodeName } from '../model.ts';
import { type LinkFilter, usableLinks } from '../net/usable-links.ts';
import type { Clock } from '../sys/clock.ts';
import { bootId, sessionId } from '../sys/host.ts';
import type { LinkWatch } from '../sys/links.ts';
import type { Log } from '../sys/log.ts';
import type { NodeLock } from '../sys/node-lock.ts';
import type { WitnessKeys } from '../sys/witness-keys.ts';
import { linksToServe, tablesOf } from './carry.ts';
import { type ElectionLoop, electionLoop } from './election-loop.ts';
import { leasePort } from './lease-port.ts';
import type { AgentMetrics } from './metrics.ts';
import { permitter } from './permits.ts';
import { reportMoves } from './report-moves.ts';
import { type Changed, changedSignal } from './signal.ts';
import { type AgentStores, openStores } from './stores.ts';
import {
  awaitTurn,
  caughtUp,
  handOver,
  type Overlap,
  overlapOf,
  waitingOnly,
} from './succession.ts';
import { WireSet } from './wires.ts';

/** Pace of the agent's tick, in every profile (I8). */
const TICK_MS = 50;
/** A clean shutdown that the API server does not answer ends after this long all the same. */
const LEAVE_MS = 4500;

export interface AgentOptions {
  readonly node: NodeName;
  readonly nodeUid: string;
  readonly namespace: string;
  readonly loadBalancerClass: string | undefined;
  readonly timing: Timing;
  readonly linkFilter: LinkFilter;
  /** Path of the script that runs a wire when started with `wire --link NAME`. */
  readonly entry: string;
  readonly clusterUid: string;
  /** The lock of this host, once it is ours. */
  readonly lock: Promise<NodeLock | 'aborted'>;
}

/** The outside world of an agent. */
export interface AgentDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly links: LinkWatch;
  readonly metrics: AgentMetrics;
  /** The keys of the witness, and a call whenever they have changed. */
  readonly watchKeys: (onChange: (keys: readonly string[]) => void) => WitnessKeys;
}

/** What an agent has whether it is its turn or not. */
interface Shared {
  readonly stores: AgentStores;
  readonly wires: WireSet;
  readonly ears: Ears;
}

/** Who listens to what peers say: nobody before there is an election. */
interface Ears {
  heard: ElectionLoop['heard'];
  probed: ElectionLoop['probed'];
}

interface Parts extends Shared {
  readonly election: ElectionLoop;
  /** With the agent before us on this host. */
  readonly overlap: Overlap;
}

/** How an agent came to its end. */
export type AgentEnd = 'never began' | 'left' | 'handed over';

/**
 * Waits for its turn on this host, takes part in the election and keeps the wires answering for what this
 * node owns, until `signal` aborts; then hands over to the agent that waits on this host, or gives
 * everything up in order, and resolves.
 */
export async function runAgent(
  deps: AgentDeps,
  options: AgentOptions,
  signal: AbortSignal,
): Promise<AgentEnd> {
  const { clock, links } = deps;
  const changed = changedSignal(clock);
  const shared = openShared(deps, options, changed.raise);
  const watches = [links.onChange(changed.raise), followKeys(deps, options, shared.wires)];
  signal.addEventListener('abort', changed.raise, { once: true });
  const lock = await awaitTurn(deps, options, { ...shared, changed });
  let end: AgentEnd = 'never began';
  if (lock !== 'aborted') {
    await caughtUp(deps, lock, shared.stores);
    const found = { ...shared, lock, onChange: changed.raise };
    const overlap = overlapOf(deps, options, found);
    const election = openElection(deps, options, found);
    end = await run(deps, options, { ...shared, election, overlap, lock, changed, signal });
  }
  for (const watch of watches) watch.close();
  await Promise.all([shared.wires.close(), shared.stores.close()]);
  if (lock !== 'aborted') await lock.close();
  return end;
}

/** Turns until this node has left or handed over. */
async function run(
  deps: AgentDeps,
  options: AgentOptions,
  parts: Parts & {
    readonly lock: NodeLock;
    readonly changed: Changed;
    readonly signal: AbortSignal;
  },
): Promise<AgentEnd> {
  const { clock, log } = deps;
  const { election, changed, lock, signal } = parts;
  const permits = permitter(clock, parts);
  const tick = clock.every(TICK_MS, () => {
    permits.now();
    deps.metrics.ticked(clock.now());
  });
  let leaveBy: Instant | undefined;
  let end: AgentEnd = 'left';
  for (;;) {
    if (signal.aborted && leaveBy === undefined) {
      if (lock.hasHeir() && election.state().phase === 'member') {
        end = 'handed over';
        break;
      }
      leaveBy = add(clock.now(), LEAVE_MS);
      election.leave();
    }
    const decision = turn(deps, options, parts);
    if (decision !== undefined) permits.follow(decision);
    if (decision?.fatal !== undefined) {
      // Whoever has not noticed yet holds authority for at most so long: nobody may claim before.
      log.error({}, `${decision.fatal} Answering has stopped; this agent ends to start anew`);
      await clock.sleep(options.timing.takerPatience);
      throw new Error(decision.fatal);
    }
    if (leaveBy !== undefined && hasLeft(deps, decision, leaveBy)) break;
    const next = add(clock.now(), leaveBy === undefined ? 1000 : TICK_MS);
    await changed.wait(Math.min(next, decision?.wakeAt ?? next) as Instant);
  }
  tick.close();
  if (end === 'handed over') await handOver(deps, parts);
  return end;
}

function hasLeft(
  { clock, log }: AgentDeps,
  decision: Decision | undefined,
  leaveBy: Instant,
): boolean {
  if (decision === undefined || decision.left) return true;
  if (clock.now() < leaveBy) return false;
  log.warn({}, 'the release could not be committed in time; the leases run out by themselves');
  return true;
}

function openShared(deps: AgentDeps, options: AgentOptions, onChange: () => void): Shared {
  const ears: Ears = { heard: () => {}, probed: () => {} };
  return {
    stores: openStores({ ...deps, ...options, onChange }),
    wires: new WireSet({
      ...deps,
      entry: options.entry,
      onChange,
      onTold: (from, utterance, at) => ears.heard(from, utterance, at),
      onProbed: (result) => ears.probed(result),
    }),
    ears,
  };
}

/** The election, from the beginning or from where the agent before us on this host has stopped. */
function openElection(
  deps: AgentDeps,
  options: AgentOptions,
  { stores, ears, lock, onChange }: Shared & { lock: NodeLock; onChange: () => void },
): ElectionLoop {
  const { clock, metrics } = deps;
  const port = leasePort({
    ...deps,
    ...options,
    conditions: metrics.conditions,
    onAnswer: metrics.leaseAnswered,
  });
  const self = { node: options.node, bootId: bootId(), session: sessionId() };
  const fresh = initialState(self, options.timing);
  const { succession } = lock;
  const initial =
    succession.kind === 'handed over'
      ? succeeded(fresh, stores.leases(), { dead: succession.dead, now: clock.now() })
      : fresh;
  const election = electionLoop(initial, { port, clock, onChange });
  ears.heard = election.heard;
  ears.probed = election.probed;
  return election;
}

/** Hands the keys to every wire, now and whenever they change. */
function followKeys({ watchKeys, log }: AgentDeps, options: AgentOptions, wires: WireSet) {
  const { node, clusterUid, timing } = options;
  const { beatInterval: beatMs, silentBeats } = timing;
  const contactMs = contactGap(timing);
  const hand = (found: readonly string[]) => {
    // A profile without beats has no witness, whatever keys there are.
    const keys = beatMs === 0 || found.length === 0 ? null : found;
    if (keys === null) log.warn({}, 'The witness is off: failover waits for the lease to run out');
    const self = { node, bootId: bootId() };
    wires.setWitness({ ...self, clusterUid, keys, beatMs, silentBeats, contactMs });
  };
  const watch = watchKeys(hand);
  hand(watch.keys());
  return watch;
}

/** One look at the world and what follows from it; undefined while the stores are still being filled. */
function turn(deps: AgentDeps, options: AgentOptions, parts: Parts): Decision | undefined {
  const { stores, wires, election, overlap } = parts;
  const demand = stores.demand();
  const now = deps.clock.now();
  if (demand === undefined) {
    deps.metrics.awaited(stores, now);
    return undefined;
  }
  const leases = stores.leases();
  const usable = usableLinks(deps.links.links(), options.linkFilter);
  wires.keep(linksToServe(usable, demand.ranges, demand.vips.keys()));
  const serving = wires.serving(usable, now);
  const witness = wires.report();
  const before = overlap.held();
  const decision = election.turn(
    {
      leases,
      demand,
      links: serving,
      held: wires.held().union(before),
      suspectSince: wires.suspectSince(),
      selfFenced: wires.selfFenced(),
      witness,
    },
    (decided) => {
      const holdings = before.size > 0 ? waitingOnly(decided) : decided;
      wires.setTables(tablesOf(holdings, demand, serving, options.node));
    },
  );
  overlap.follow(decision);
  for (const utterance of decision.tell) wires.tell(utterance);
  wires.probe(decision.probes);
  reportMoves(deps, decision, demand, serving);
  const facts = {
    election: election.state(),
    demand,
    leases,
    wires: wires.status(),
    stores,
    witness,
    wallTime: deps.clock.wallTime(),
  };
  deps.metrics.turned(facts, now);
  return decision;
}
