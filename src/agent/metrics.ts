import type { WitnessReport } from '../election/hearing.ts';
import { answering } from '../election/probing.ts';
import type { LeaseCut } from '../election/records.ts';
import type { ElectionState, Move, Phase } from '../election/state.ts';
import { standing } from '../election/verdict.ts';
import { type Instant, NEVER } from '../instant.ts';
import type { ApiFailure } from '../kube/answer.ts';
import type { Condition } from '../kube/lease-encode.ts';
import type { LinkName } from '../model.ts';
import type { Log } from '../sys/log.ts';
import type { Metrics } from '../sys/metrics.ts';
import type { WireStatus } from '../wire/supervisor.ts';
import { answeringTexts, conditionsOf, unheardText } from './conditions.ts';
import type { ClusterDemand } from './demand.ts';
import { type Counters, type Gauges, openCounters, openGauges } from './meters.ts';
import { tellNamesakes } from './namesake-log.ts';
import type { AgentStores } from './stores.ts';
import { followWitness, type WitnessHealth } from './witness-health.ts';

/** A longer distance between two ticks of 50 ms counts as a stall. */
const STALL_MS = 200;
/** The snapshot's gauges are set at most this often. */
const PACE_MS = 1000;
/** Addresses whose refusal is logged one by one; the metric counts them all. */
const TOLD_MAX = 100;

const JOINED = 'this node takes part in the election';
const HELD = 'the API server is away for every node that is heard: this node goes on answering';
const LAPSED = 'this node has lost its authority: it answers for nothing until it has joined again';

/** What a turn leaves to be measured. */
export interface TurnFacts {
  readonly election: ElectionState;
  readonly demand: ClusterDemand;
  readonly leases: LeaseCut;
  readonly wires: ReadonlyMap<LinkName, WireStatus>;
  readonly stores: AgentStores;
  /** What the witness has told; undefined where it is off. */
  readonly witness: WitnessReport | undefined;
  /** RFC 3339. */
  readonly wallTime: string;
}

export type LeaseAction = 'write' | 'list';

/** What the agent's shell reports as it goes. */
export interface AgentMetrics {
  ticked(now: Instant): void;
  turned(facts: TurnFacts, now: Instant): void;
  /** A turn had nothing to decide on: the stores are still being filled. */
  awaited(stores: AgentStores, now: Instant): void;
  moved(move: Move): void;
  /** A Lease request was answered: `failure` says how, if it failed. */
  leaseAnswered(action: LeaseAction, ms: number, failure: ApiFailure | undefined): void;
  /** How this agent fares, as its heartbeat tells it. */
  conditions(): readonly Condition[];
  /** When the loop last ticked and last turned, and whether the node has ever been a member. */
  health(): { readonly tickedAt: Instant; readonly joined: boolean };
}

/** The agent's metrics; failures of Lease requests are also logged, once for each kind in a row. */
export function agentMetrics(metrics: Metrics, log: Log): AgentMetrics {
  const gauges = openGauges(metrics);
  const counters = openCounters(metrics);
  let tickedAt = NEVER;
  let turnedAt = NEVER;
  const isDue = (now: Instant) => {
    if (now - turnedAt < PACE_MS) return false;
    turnedAt = now;
    return true;
  };
  let joined = false;
  let conditions: readonly Condition[] = [];
  let phase: Phase = 'reading';
  const follow = followWitness();
  const tellNamesake = tellNamesakes(log);
  const failing = new Map<LeaseAction, string>();
  const told = new Set<string>();
  return {
    ticked(now) {
      const gap = now - tickedAt;
      if (tickedAt !== NEVER && gap > STALL_MS) counters.stalls.add(1);
      tickedAt = now;
    },
    turned(facts, now) {
      tellPhase(log, phase, facts.election);
      phase = facts.election.phase;
      joined ||= phase === 'member';
      tellNamesake(facts.election, now);
      if (!isDue(now)) return;
      const health = follow(facts.election, facts.witness, now);
      conditions = conditionsOf({ ...facts, health }, conditions, facts.wallTime);
      tell(log, told, facts, health);
      setGauges(gauges, facts, health, now);
      countWires(counters, facts.wires);
      measureStores(gauges, counters, facts.stores, now);
    },
    awaited(stores, now) {
      if (isDue(now)) measureStores(gauges, counters, stores, now);
    },
    moved: ({ to, reason }) => {
      // A reason may name a node: kept out of the labels, where it would grow without bound.
      const direction = to === undefined ? 'given_up' : 'taken';
      counters.moves.add(1, {
        direction,
        planned: /dead|ran out|fenced/.test(reason) ? 'no' : 'yes',
      });
    },
    leaseAnswered(action, ms, failure) {
      log.debug({ action, ms: Math.round(ms) }, 'the API server answered about Leases');
      const before = failing.get(action);
      if (failure === undefined) {
        failing.delete(action);
        if (before !== undefined) log.info({ action }, `Leases can be reached again to ${action}`);
        return;
      }
      counters.leaseFailures.add(1, { action, kind: failure.kind });
      failing.set(action, failure.kind);
      if (before === failure.kind) return;
      const remedy = failure.kind === 'forbidden' ? '; apply deploy/rbac.yaml' : '';
      log.warn(
        { action, kind: failure.kind },
        `Cannot ${action} Leases: ${failure.message}${remedy}`,
      );
    },
    conditions: () => conditions,
    health: () => ({ tickedAt, joined }),
  };
}

/** One line for every change of the node's authority. */
function tellPhase(log: Log, before: Phase, { phase, incarnation, lapsed }: ElectionState): void {
  if (phase === before) return;
  if (phase === 'held') log.warn({ incarnation }, HELD);
  else if (phase === 'member') {
    const isBack = before === 'held' || before === 'silent';
    log.info({ incarnation }, isBack ? 'its lease runs again' : JOINED);
  } else if (before !== 'reading' && before !== 'writing' && phase !== 'silent') {
    log.warn({ incarnation, reason: lapsed }, LAPSED);
  }
}

/** One line for each thing that an operator has to mend, when it appears and not again until it is gone. */
function tell(
  log: Log,
  told: Set<string>,
  { election, demand, leases }: TurnFacts,
  { unheard }: WitnessHealth,
): void {
  const problems = new Set<string>();
  for (const [vip, reason] of [...demand.refused].slice(0, TOLD_MAX))
    problems.add(`${vip} is not announced: ${reason}`);
  for (const key of leases.unreadable.keys()) {
    problems.add(`The ${key.replace('/', ' lease of ')} cannot be read: its writer renews it soon`);
  }
  const { node } = election.self;
  if (election.phase === 'member' && !election.ring.nodes.includes(node)) {
    problems.add(`${node} stands by: ${election.ring.nodes.length} nodes take part already`);
  }
  for (const node of unheard) problems.add(unheardText(node));
  for (const text of answeringTexts(election).slice(0, TOLD_MAX)) problems.add(text);
  for (const problem of problems) if (!told.has(problem)) log.warn({}, problem);
  told.clear();
  for (const problem of problems) told.add(problem);
}

function setGauges(gauges: Gauges, facts: TurnFacts, health: WitnessHealth, now: Instant): void {
  const { election, demand, wires } = facts;
  const held = election.phase === 'held';
  const member = election.phase === 'member' || held;
  const until = held ? election.heldUntil : election.authUntil;
  gauges.owned.set(election.active.size);
  gauges.claimed.set(election.claimedAt.size);
  gauges.wanted.set(demand.vips.size);
  gauges.refused.set(demand.refused.size);
  gauges.authority.set(member ? Math.max(0, until - now) / 1000 : 0);
  gauges.conflicts.set(election.probes.conflicts.size);
  gauges.holders.set(answering(election).holders.length);
  gauges.unreadable.set(facts.leases.unreadable.size);
  gauges.member.set(member ? 1 : 0);
  gauges.held.set(held ? 1 : 0);
  gauges.witnessOn.set(facts.witness === undefined ? 0 : 1);
  gauges.witnessHeard.set(health.heard);
  gauges.witnessUnheard.set(health.unheard.length);
  gauges.incarnation.set(election.incarnation);
  gauges.namesake.set(election.namesake?.isAlive ? 1 : 0);
  const peers = [...election.view.values()].map((peer) => standing(election.verdicts, peer));
  for (const kind of ['live', 'provisionally dead', 'dead']) {
    gauges.peers.set(peers.filter((peer) => peer === kind).length, { standing: kind });
  }
  gauges.wireReady.clear();
  for (const [link, { state }] of wires) gauges.wireReady.set(state === 'ready' ? 1 : 0, { link });
}

function countWires(counters: Counters, wires: ReadonlyMap<LinkName, WireStatus>): void {
  for (const [link, status] of wires) {
    counters.wireRestarts.raiseTo(status.restarts, { link });
    for (const [what, total] of status.counters) counters.wire.raiseTo(total, { link, what });
  }
}

function measureStores(
  gauges: Gauges,
  counters: Counters,
  stores: AgentStores,
  now: Instant,
): void {
  for (const [kind, health] of stores.health()) {
    if (health.lastByteAt !== NEVER)
      gauges.storeAge.set((now - health.lastByteAt) / 1000, { kind });
    gauges.storeWatching.set(health.state === 'watching' ? 1 : 0, { kind });
    gauges.malformed.set(health.malformed, { kind });
    counters.lists.raiseTo(health.lists, { kind });
    counters.storeFailures.raiseTo(health.failures, { kind });
  }
}
