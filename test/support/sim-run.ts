import { checkedTiming } from '../../src/election/timing.ts';
import { SimCluster, type WitnessMode } from './sim-cluster.ts';
import { heal, injectFault, type SimFault } from './sim-faults.ts';
import { ALWAYS, brokenNow, newPast, nextLookAt, type Property } from './sim-properties.ts';
import type { Surroundings } from './sim-segment.ts';
import { HEALED_AT, nodeNames, type SimPlan, storyOf, told } from './sim-story.ts';

const standard = checkedTiming('standard');
const { takerPatience, renewInterval } = standard;
/** L1 of reliability.md 1.8, by a clock that is 1 % slow. */
const RECOVERY_MS = (takerPatience + 2 * renewInterval + 100) / 0.99;
/** The end of a run, in which nothing may move. */
const REST_MS = 4500;
/** One seed in so many, a prime, is looked at every 2 ms: a guard of `nextLookAt`. */
const POLLED = 101;
/** Faults of the story that are told with a failure that was not shortened. */
const TOLD = 12;

/** Properties of the end of a run: faults are over, and the cluster had the time to recover. */
export const AT_REST: readonly Pick<Property, 'id' | 'text'>[] = [
  { id: 'L1', text: 'every VIP has exactly one owner soon after the last fault' },
  { id: 'L2', text: 'only the VIPs of nodes that were hit by a fault move' },
  { id: 'L3', text: 'nothing moves while nothing happens' },
  { id: 'L5', text: 'a node at rest writes one heartbeat per interval and nothing else' },
];

/** What was broken, and when. */
export interface Breach {
  /** Name of the property, or `crash` if the core refused to go on. */
  readonly property: string;
  readonly text: string;
}

/** One seed, run to its end or to the first broken promise. */
export interface SimRun {
  readonly seed: number;
  readonly simulatedMs: number;
  readonly story: readonly SimFault[];
  readonly breach: Breach | undefined;
  /** Activations of VIPs. */
  readonly moves: number;
}

/** The cluster of a seed, as every run of that seed has it. */
export function simCluster(seed: number, plan: SimPlan): SimCluster {
  const names = nodeNames(plan);
  const rate = (i: number) => 0.9901 + ((seed * 37 + i * 61) % 199) / 10_000;
  return new SimCluster(seed, standard, {
    nodes: names.slice(0, plan.nodes),
    later: names.slice(plan.nodes),
    vips: Array.from({ length: plan.vips }, (_, i) => `192.0.2.${100 + i}`),
    rates: seed % 2 === 0 ? names.map((_, i) => rate(i)) : [],
    witness: plan.witness ?? witnessOf(seed),
    surroundings: plan.surroundings ?? surroundingsOf(seed),
  });
}

/** Of seven seeds, two have a busy segment, four a gateway that is silent unless it is asked, one nothing. */
function surroundingsOf(seed: number): Surroundings {
  if (seed % 7 < 2) return 'busy';
  return seed % 7 === 2 ? 'nobody' : 'a gateway';
}

/** One seed in a hundred has real signatures, one no multicast, one in four no witness at all. */
function witnessOf(seed: number): WitnessMode {
  if (seed % 100 === 1) return 'signed';
  if (seed % 100 === 2) return 'swallowed';
  return seed % 4 === 0 ? 'off' : 'on';
}

/**
 * The faults of the story until 45 s, then at least 15 s without: S1 to S6 all along, and L1, L3 and L5 in
 * the end. Without `story`, that of the seed.
 */
export function runSeed(
  seed: number,
  plan: SimPlan,
  story: readonly SimFault[] = storyOf(seed, plan),
): SimRun {
  const sim = simCluster(seed, plan);
  const past = newPast(standard);
  const hit = new Set<string>();
  const check = () => {
    const broken = brokenNow(sim, past) ?? movedNow(sim, plan, hit);
    if (broken !== undefined) throw new BreachError(broken);
  };
  const lookAt = seed % POLLED === 0 ? undefined : () => nextLookAt(sim);
  const runFor = (ms: number) => sim.run(ms, check, lookAt);
  const done = (breach: Breach | undefined): SimRun => {
    return { seed, simulatedMs: sim.now, story, breach, moves: sim.journal.moves };
  };
  try {
    for (const fault of story) {
      runFor(fault.at - sim.now);
      sim.journal.faultBegins();
      hit.add(fault.node);
      injectFault(sim, fault);
    }
    runFor(HEALED_AT - sim.now);
    heal(sim);
    // Whoever left or died comes back within 5 s; that is a disturbance too.
    runFor(5200);
    // Where nobody else is there to take over, the end of a stop comes first.
    while ([...sim.nodes.values()].some((node) => sim.now < node.agentStoppedUntil)) runFor(50);
    while (sim.now < sim.journal.disturbedAt + RECOVERY_MS) runFor(50);
    rest(sim, runFor);
  } catch (error) {
    if (error instanceof BreachError) return done(error.breach);
    return done({ property: 'crash', text: error instanceof Error ? error.message : `${error}` });
  }
  return done(undefined);
}

/** A failure in full: what was broken, by what, and how each node stood. */
export function describeRun({ seed, story, breach, simulatedMs }: SimRun): string {
  const text = [...ALWAYS, ...AT_REST].find(({ id }) => id === breach?.property)?.text ?? 'crash';
  const head = `${breach?.property} (${text}): ${breach?.text}`;
  const at = `seed ${seed}, ${Math.round(simulatedMs)} ms`;
  const faults = story.filter((fault) => fault.at <= simulatedMs);
  return [`${head} (${at})`, ...faults.slice(-TOLD).map(told)].join('\n');
}

/** L2 and L3 in a story of small faults. */
function movedNow(
  sim: SimCluster,
  { moves }: SimPlan,
  hit: ReadonlySet<string>,
): Breach | undefined {
  if (moves === undefined || hit.size === 0) return undefined;
  const [first] = sim.journal.displaced.filter(({ had }) => moves === 'nothing' || !hit.has(had));
  if (first === undefined) return undefined;
  const text = `${first.vip} of ${first.had} moved to ${first.node}`;
  return { property: moves === 'nothing' ? 'L3' : 'L2', text };
}

class BreachError extends Error {
  readonly breach: Breach;

  constructor(breach: Breach) {
    super(breach.text);
    this.breach = breach;
  }
}

/** L1, L3 and L5: each VIP has its owner, and for a while nothing happens but heartbeats. */
function rest(sim: SimCluster, runFor: (ms: number) => void): void {
  const { journal } = sim;
  const silent = sim.allVips.filter((vip) => sim.answerers(vip).length !== 1);
  if (silent.length > 0) {
    const text = `not one owner for ${silent.join(', ')}\n${sim.describe()}`;
    throw new BreachError({ property: 'L1', text });
  }
  const { moves } = journal;
  const before = new Map(journal.heartbeats);
  const claims = total(journal.claimsWrites);
  runFor(REST_MS);
  if (journal.moves !== moves) {
    throw new BreachError({ property: 'L3', text: `${journal.moves - moves} VIPs moved at rest` });
  }
  for (const [node, count] of journal.heartbeats) {
    const made = count - (before.get(node) ?? 0);
    const allowed = Math.ceil((REST_MS * 1.01) / renewInterval) + 1;
    if (made <= allowed) continue;
    const text = `${node} wrote ${made} heartbeats in ${REST_MS} ms`;
    throw new BreachError({ property: 'L5', text });
  }
  const written = total(journal.claimsWrites) - claims;
  // The fence on an incarnation goes once its node shows a newer one, and whoever was alone is so no more:
  // at most one write each.
  if (written > 2 * sim.nodes.size) {
    throw new BreachError({ property: 'L5', text: `${written} claims writes at rest` });
  }
}

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
