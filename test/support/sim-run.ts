import { checkedTiming } from '../../src/election/timing.ts';
import { type Overlap, SimCluster } from './sim-cluster.ts';
import { FAULTS, heal, injectFault, restoreOnce } from './sim-faults.ts';

const FAULTY_MS = 45_000;
const HEALED_MS = 15_000;
/** Faults of the story that are told with a failure. */
const TOLD = 12;
const standard = checkedTiming('standard');
/** A node that was frozen with its clock may answer so long beside its successor, at the utmost. */
const FROZEN_OVERLAP_MS = standard.holderPatience / 0.99 + 200;

/** What every run of a series has in common. */
export interface SimPlan {
  readonly nodes: number;
  readonly vips: number;
  /** Names of `FAULTS` to choose from. */
  readonly faults: readonly string[];
}

export const EVERY_FAULT: SimPlan = { nodes: 3, vips: 6, faults: Object.keys(FAULTS) };

/** One seed, run to its end or to the first broken promise. */
export interface SimRun {
  readonly seed: number;
  readonly simulatedMs: number;
  /** How often each fault was made. */
  readonly faults: ReadonlyMap<string, number>;
  /** What was broken, and the story before it; undefined if nothing was. */
  readonly broken: string | undefined;
}

/** The cluster of a seed, as every run of that seed has it. */
export function simCluster(seed: number, { nodes, vips }: SimPlan): SimCluster {
  return new SimCluster(seed, standard, {
    nodes: Array.from({ length: nodes }, (_, i) => `n${i + 1}`),
    vips: Array.from({ length: vips }, (_, i) => `192.0.2.${100 + i}`),
  });
}

/** 45 s of faults at random, 15 s without: G1 all along, and one answerer for each VIP at the end. */
export function runSeed(seed: number, plan: SimPlan): SimRun {
  const sim = simCluster(seed, plan);
  const story: string[] = [];
  const faults = new Map<string, number>();
  const check = () => {
    const overlap = doubledNow(sim);
    if (overlap !== undefined) throw new Error(overlap);
  };
  try {
    sim.run(sim.random() * 7000);
    sim.api.mood = 'flaky';
    if (seed % 3 === 0) restoreOnce(sim);
    while (sim.now < FAULTY_MS) {
      const { name, text } = injectFault(sim, plan.faults);
      faults.set(name, (faults.get(name) ?? 0) + 1);
      story.push(text);
      sim.run(sim.random() < 0.4 ? sim.random() * 60 : sim.random() * 3500, check);
    }
    heal(sim);
    story.push(`${Math.round(sim.now)} healed`);
    sim.run(HEALED_MS, check);
    check();
    const silent = [...sim.demand.vips.keys()].filter((vip) => sim.answerers(vip).length !== 1);
    if (silent.length > 0) throw new Error(`nobody answers for ${silent.join(', ')} at the end`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const at = `${reason} (seed ${seed}, ${Math.round(sim.now)} ms)`;
    const broken = [at, ...story.slice(-TOLD), sim.describe()].join('\n');
    return { seed, simulatedMs: sim.now, faults, broken };
  }
  return { seed, simulatedMs: sim.now, faults, broken: undefined };
}

/** G1, with G2 as its only exception: a node that was frozen together with its clock, for a while. */
export function doubledNow(sim: SimCluster): string | undefined {
  const overlap = sim.overlap();
  if (overlap === undefined || isFreshlyThawed(sim, overlap)) return undefined;
  const names = overlap.nodes.map((node) => node.name).join(' and ');
  return `${names} both answer for ${overlap.vip} at ${Math.round(sim.now)} ms`;
}

function isFreshlyThawed(sim: SimCluster, { nodes }: Overlap): boolean {
  return nodes.some(({ thawedAt }) => sim.now - thawedAt < FROZEN_OVERLAP_MS);
}
