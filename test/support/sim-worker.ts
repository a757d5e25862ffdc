/** A thread that runs the seeds it is handed: started by `series` of `sim-series.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { describeRun, runSeed } from './sim-run.ts';
import type { Batch, Found, Tally } from './sim-series.ts';
import { shrink } from './sim-shrink.ts';
import type { SimPlan } from './sim-story.ts';

const { plan, shrinks }: { readonly plan: SimPlan; readonly shrinks: boolean } = workerData;

parentPort?.on('message', (batch: Batch) => parentPort?.postMessage(tallyOf(batch)));

function tallyOf({ from, count, breachesMax }: Batch): Tally {
  const faults: Record<string, number> = {};
  const breaches: Found[] = [];
  let simulatedMs = 0;
  let moves = 0;
  let runs = 0;
  for (let seed = from; seed < from + count && breaches.length < breachesMax; seed += 1) {
    const run = runSeed(seed, plan);
    runs += 1;
    simulatedMs += run.simulatedMs;
    moves += run.moves;
    for (const { name } of run.story) faults[name] = (faults[name] ?? 0) + 1;
    if (run.breach === undefined) continue;
    const { property } = run.breach;
    const { run: shortest, keep } = shrinks ? shrink(run, plan) : { run, keep: undefined };
    const text = describeRun(shortest);
    breaches.push({ seed, property, text, ...(keep !== undefined && { keep }) });
  }
  return { runs, simulatedMs, moves, faults, breaches };
}
