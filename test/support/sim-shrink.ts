import type { SimFault } from './sim-faults.ts';
import { runSeed, type SimRun } from './sim-run.ts';
import type { SimPlan } from './sim-story.ts';

/** Runs that one failure may cost: some seconds. */
const RUNS_MAX = 120;

/** The shortest story that breaks the same promise, and the places of its faults in that of the seed. */
export interface Shrunk {
  readonly run: SimRun;
  readonly keep: readonly number[];
}

/**
 * Leaves out faults, first many at once and then one by one, as long as the same property breaks. What
 * comes after the breach goes first of all: it has not happened yet.
 */
export function shrink(failed: SimRun, plan: SimPlan): Shrunk {
  const places = failed.story.map((_, place) => place);
  const at = (place: number): SimFault | undefined => failed.story[place];
  let run = failed;
  let keep = places.filter((place) => (at(place)?.at ?? 0) <= failed.simulatedMs);
  let runs = 0;
  const stillBreaks = (fewer: readonly number[]): boolean => {
    runs += 1;
    const story = fewer.flatMap((place) => at(place) ?? []);
    const next = runSeed(failed.seed, plan, story);
    if (next.breach?.property !== failed.breach?.property) return false;
    run = next;
    return true;
  };
  for (let size = Math.ceil(keep.length / 2); size >= 1; size = size === 1 ? 0 : size >> 1) {
    for (let start = 0; start < keep.length && runs < RUNS_MAX; ) {
      const fewer = keep.toSpliced(start, size);
      if (stillBreaks(fewer)) keep = fewer;
      else start += size;
    }
  }
  return { run, keep };
}
