import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { SimPlan } from './sim-story.ts';

/** Seeds that one thread takes at a time: some seconds of work. */
const BATCH = 10;
/** Nearly all that a simulation makes is short-lived: with room for it, little time goes into collecting it. */
const YOUNG_MB = 96;

export interface Batch {
  readonly from: number;
  readonly count: number;
  /** After so many broken promises it has said enough. */
  readonly breachesMax: number;
}

/** A broken promise and how to see it again. */
export interface Found {
  readonly seed: number;
  readonly property: string;
  readonly text: string;
  /** Places of the faults that suffice, in the story of the seed. */
  readonly keep?: readonly number[];
}

/** What some seeds have come to. */
export interface Tally {
  readonly runs: number;
  readonly simulatedMs: number;
  /** Activations of VIPs. */
  readonly moves: number;
  /** How often each fault was made. */
  readonly faults: Readonly<Record<string, number>>;
  readonly breaches: readonly Found[];
}

export interface SeriesOptions {
  readonly from: number;
  readonly seeds: number;
  readonly plan: SimPlan;
  /** Threads; as many as there are processors by default. */
  readonly jobs?: number;
  /** The series ends after so many broken promises (1). */
  readonly breachesMax?: number;
  /** Whether each failure is shortened before it is told: costs up to 120 runs. */
  readonly shrinks: boolean;
  /** Where `sim-worker.ts` is, if not beside this file: a copy of the sources, for an ablation. */
  readonly worker?: URL;
  /** Called with each batch that is done; the seeds of it are exactly those. */
  readonly onBatch?: (batch: Batch, tally: Tally) => void;
}

export const NO_TALLY: Tally = { runs: 0, simulatedMs: 0, moves: 0, faults: {}, breaches: [] };

/** Runs the seeds in threads. Throws what a thread dies of: a mistake in the simulator, never a breach. */
export async function series(options: SeriesOptions): Promise<Tally> {
  const { from, seeds, plan, jobs = availableParallelism(), breachesMax = 1 } = options;
  const url = options.worker ?? new URL('./sim-worker.ts', import.meta.url);
  let next = from;
  let sum = NO_TALLY;
  const batches = function* (): Generator<Batch> {
    while (next < from + seeds && sum.breaches.length < breachesMax) {
      const count = Math.min(BATCH, from + seeds - next);
      next += count;
      yield { from: next - count, count, breachesMax };
    }
  };
  const workUp = async (worker: Worker): Promise<void> => {
    for (const batch of batches()) {
      const tally = await answerTo(worker, batch);
      sum = added(sum, tally);
      options.onBatch?.(batch, tally);
    }
  };
  const count = Math.max(1, Math.min(jobs, Math.ceil(seeds / BATCH)));
  const workerData = { plan, shrinks: options.shrinks };
  const workers = Array.from({ length: count }, () => {
    return new Worker(url, { workerData, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
  });
  try {
    await Promise.all(workers.map(workUp));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return sum;
}

/** Two tallies as one. */
export function added(a: Tally, b: Tally): Tally {
  const faults = { ...a.faults };
  for (const [name, times] of Object.entries(b.faults)) faults[name] = (faults[name] ?? 0) + times;
  return {
    runs: a.runs + b.runs,
    simulatedMs: a.simulatedMs + b.simulatedMs,
    moves: a.moves + b.moves,
    faults,
    breaches: [...a.breaches, ...b.breaches],
  };
}

function answerTo(worker: Worker, batch: Batch): Promise<Tally> {
  return new Promise((resolve, reject) => {
    worker.removeAllListeners();
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`a simulation thread ended with ${code}`)));
    worker.postMessage(batch);
  });
}
