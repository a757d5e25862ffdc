import { seededRandom } from './random.ts';
import type { WitnessMode } from './sim-cluster.ts';
import { FAULTS, SETTINGS, type SimFault } from './sim-faults.ts';
import type { Surroundings } from './sim-segment.ts';

/** What every run of a series has in common. */
export interface SimPlan {
  readonly nodes: number;
  readonly vips: number;
  /** Names of `FAULTS` to choose from, of `SETTINGS` to make now and then. */
  readonly faults: readonly string[];
  /**
   * Faults come 5 s apart. `nothing`: they are so small that no VIP may move for them (L3); `theirs`: only
   * VIPs of nodes that were hit may (L2).
   */
  readonly moves?: 'nothing' | 'theirs';
  /** Whether there is a witness; without this, one seed in four has none. */
  readonly witness?: WitnessMode;
  /** What else is on the segment; without this, something else with every seed. */
  readonly surroundings?: Surroundings;
}

export const EVERY_FAULT: SimPlan = {
  nodes: 5,
  vips: 6,
  faults: [...Object.keys(FAULTS), ...Object.keys(SETTINGS)],
};

export const HEALED_AT = 45_000;
/** Faults come closer together than a lease lasts, and often within one handover. */
const SOON_MS = 60;
const LATER_MS = 3500;
const SOON_SHARE = 0.4;
const CALM_MS = 5000;
const QUIET_START_MS = 7000;
const LONGEST_FAULT_MS = 6000;
/** Makes the numbers of a story differ from those of the cluster with the same seed. */
const STORY = 0x5eed;

/** Names of the nodes of a plan: those from the start, then one that may join. */
export function nodeNames({ nodes }: SimPlan): readonly string[] {
  return Array.from({ length: nodes + 1 }, (_, i) => `n${i + 1}`);
}

/** The faults of a seed. Leaving some out changes nothing about the others. */
export function storyOf(seed: number, plan: SimPlan): readonly SimFault[] {
  const random = seededRandom(seed ^ STORY);
  const names = nodeNames(plan);
  const faults = plan.faults.filter((name) => FAULTS[name] !== undefined);
  const story: SimFault[] = [];
  let at = plan.moves ? 10_000 : 1000 + random() * QUIET_START_MS;
  const add = (name: string) => {
    const node = names[Math.floor(random() * names.length)] ?? 'n1';
    const ms = Math.round(100 + random() * LONGEST_FAULT_MS);
    story.push({ at: Math.round(at), name, node, ms, salt: Math.floor(random() * 2 ** 32) });
  };
  if (plan.faults.includes('requests are slow or lost')) add('requests are slow or lost');
  if (plan.faults.includes('restored from a backup') && seed % 3 === 0) {
    add('restored from a backup');
  }
  if (plan.faults.includes('two machines of one name') && seed % 9 === 7) {
    add('two machines of one name');
  }
  while (at < HEALED_AT && faults.length > 0) {
    add(faults[Math.floor(random() * faults.length)] ?? '');
    if (plan.moves) at += CALM_MS;
    else at += random() < SOON_SHARE ? random() * SOON_MS : random() * LATER_MS;
  }
  return story;
}

/** A fault as a person reads it. */
export function told({ at, name, node, ms }: SimFault): string {
  return SETTINGS[name] === undefined ? `${at} ${node}: ${name} (${ms} ms)` : `${at} ${name}`;
}
