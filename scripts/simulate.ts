/**
 * The long series of the simulation: `npm run simulate -- --seeds 10000`. Many clusters of the
 * production election on a simulated API server, each with its own faults; a broken promise prints
 * the seed, the shortest story that breaks it and the command that repeats it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../test/bench/machine.ts';
import { tableLines } from '../test/lab/tables.ts';
import { FAULTS, SETTINGS } from '../test/support/sim-faults.ts';
import { ALWAYS } from '../test/support/sim-properties.ts';
import { AT_REST, describeRun, runSeed } from '../test/support/sim-run.ts';
import { added, type Batch, NO_TALLY, series, type Tally } from '../test/support/sim-series.ts';
import { EVERY_FAULT, type SimPlan, storyOf } from '../test/support/sim-story.ts';

const NAMES = [...Object.keys(FAULTS), ...Object.keys(SETTINGS)];
const HELP = `npm run simulate -- [options]
  --seeds N      how many (1000)
  --from K       the first of them (1)
  --faults A,B   only these: ${NAMES.join(', ')}
  --nodes N      nodes of each cluster (${EVERY_FAULT.nodes}); one more may join
  --vips N       VIPs of each cluster (${EVERY_FAULT.vips})
  --jobs J       threads (${availableParallelism()})
  --resume FILE  keeps what is done there, and goes on from it; stop it whenever you like
  --keep 0,3,7   of a single seed, only these faults of its story
  --write        adds the summary to docs/simulation.md`;

/** Broken promises after which a series has said enough. */
const BREACHES_MAX = 5;
const PROGRESS_MS = 10_000;
/** Seeds of a long series that are run between two looks at what is done already. */
const PART = 1000;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    faults: { type: 'string' },
    nodes: { type: 'string', default: String(EVERY_FAULT.nodes) },
    vips: { type: 'string', default: String(EVERY_FAULT.vips) },
    jobs: { type: 'string', default: String(availableParallelism()) },
    resume: { type: 'string' },
    keep: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** What a series has done so far, as its file holds it. */
interface Progress {
  readonly plan: SimPlan;
  readonly from: number;
  readonly seeds: number;
  readonly seconds: number;
  readonly tally: Tally;
  /** First seeds of the batches that are done, with their lengths. */
  readonly done: readonly (readonly [from: number, count: number])[];
}

if (values.help) console.log(HELP);
else if (values.keep !== undefined) repeat(values.keep);
else report(await resumed(begin()));

function planOf(): SimPlan {
  return {
    nodes: count('nodes'),
    vips: count('vips'),
    faults: values.faults === undefined ? EVERY_FAULT.faults : faultsNamed(values.faults),
  };
}

function begin(): Progress {
  const [from, seeds] = [count('from'), count('seeds')];
  const fresh = { plan: planOf(), from, seeds, seconds: 0, tally: NO_TALLY, done: [] };
  if (values.resume === undefined || !existsSync(values.resume)) return fresh;
  const kept: Progress = JSON.parse(readFileSync(values.resume, 'utf8'));
  const same = JSON.stringify(kept.plan) === JSON.stringify(fresh.plan) && kept.from === from;
  if (same) return { ...kept, seeds };
  return refuse(`${values.resume} is of another series: name another file, or remove it`);
}

/** Runs what is not done yet. A thread's batch is all that a kill in the middle can lose. */
async function resumed(start: Progress): Promise<Progress> {
  let progress = start;
  const begun = performance.now();
  let told = begun;
  const onBatch = ({ from, count }: Batch, tally: Tally) => {
    const seconds = start.seconds + (performance.now() - begun) / 1000;
    const done = merged([...progress.done, [from, count]]);
    progress = { ...progress, tally: added(progress.tally, tally), done, seconds };
    for (const breach of tally.breaches) {
      const keep = `--keep ${breach.keep?.join() ?? ''}`;
      const again = `npm run simulate -- --seeds 1 --from ${breach.seed}${flags()} ${keep}`;
      console.log(`${breach.text}\nrepeat with ${again}\n`);
    }
    if (performance.now() - told < PROGRESS_MS) return;
    told = performance.now();
    keepProgress(progress);
    const { runs, breaches } = progress.tally;
    const rate = ((runs - start.tally.runs) / (told - begun)) * 1000;
    console.log(
      `${runs}/${progress.seeds} seeds, ${rate.toFixed(1)} a second, ${breaches.length} broken`,
    );
  };
  for (const [from, seeds] of missing(start)) {
    const { plan, tally } = progress;
    const breachesMax = BREACHES_MAX - tally.breaches.length;
    if (breachesMax <= 0) break;
    await series({ from, seeds, plan, jobs: count('jobs'), breachesMax, shrinks: true, onBatch });
  }
  keepProgress(progress);
  return progress;
}

/** The seeds that are still to be run, in parts. */
function missing({ from, seeds, done }: Progress): (readonly [from: number, count: number])[] {
  const parts: [number, number][] = [];
  let next = from;
  for (const [start, count] of [...done, [from + seeds, 0] as const]) {
    const end = Math.min(start, from + seeds);
    for (let at = next; at < end; at += PART) parts.push([at, Math.min(PART, end - at)]);
    next = Math.max(next, start + count);
  }
  return parts;
}

function merged(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const all: [number, number][] = [];
  for (const [from, count] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = all.at(-1);
    if (last !== undefined && last[0] + last[1] === from) last[1] += count;
    else all.push([from, count]);
  }
  return all;
}

function keepProgress(progress: Progress): void {
  if (values.resume === undefined) return;
  const next = `${values.resume}.next`;
  writeFileSync(next, JSON.stringify(progress));
  renameSync(next, values.resume);
}

/** One seed with some faults of its story alone. */
function repeat(keep: string): void {
  const [seed, plan] = [count('from'), planOf()];
  const places = keep.split(',').map(Number);
  const run = runSeed(
    seed,
    plan,
    storyOf(seed, plan).filter((_, place) => places.includes(place)),
  );
  console.log(run.breach === undefined ? 'no promise is broken' : describeRun(run));
  if (run.breach !== undefined) process.exitCode = 1;
}

function count(name: 'seeds' | 'from' | 'nodes' | 'vips' | 'jobs'): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  return refuse(`--${name} takes a whole number above 0: it is '${values[name]}'`);
}

function faultsNamed(list: string): readonly string[] {
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown === undefined) return names;
  return refuse(`no fault '${unknown}': there are ${NAMES.join(', ')}`);
}

function refuse(reason: string): never {
  console.error(`simulate: ${reason}`);
  process.exit(1);
}

function report({ tally, seconds, from }: Progress): void {
  const { runs, simulatedMs, moves, breaches, faults } = tally;
  const times = Object.entries(faults).sort((a, b) => b[1] - a[1]);
  console.log(
    tableLines([['fault', 'times'], ...times.map(([k, v]) => [k, String(v)])]).join('\n'),
  );
  const properties = [...ALWAYS, ...AT_REST].map(({ id, text }) => {
    return [id, text, String(breaches.filter(({ property }) => property === id).length)];
  });
  console.log(`\n${tableLines([['', 'property', 'broken'], ...properties]).join('\n')}`);
  const days = simulatedMs / 86_400_000;
  const sentence =
    `${runs} seeds from ${from}, ${days.toFixed(2)} simulated days, ${moves} moves: ` +
    `promises broken in ${breaches.length}; ${(runs / seconds).toFixed(1)} seeds a second`;
  console.log(`\n${sentence}.`);
  if (values.write) write(`${sentence} (${machine()}).`);
  if (breaches.length > 0) process.exitCode = 1;
}

function flags(): string {
  const faults = values.faults === undefined ? '' : ` --faults '${values.faults}'`;
  return ` --nodes ${values.nodes} --vips ${values.vips}${faults}`;
}

/** One line for each series, so that parts of a long one add up. */
function write(line: string): void {
  const file = join(import.meta.dirname, '../docs/simulation.md');
  const command = `npm run simulate -- --seeds ${values.seeds} --from ${values.from}${flags()}`;
  const date = new Date().toISOString().slice(0, 10);
  const text = readFileSync(file, 'utf8').trimEnd();
  writeFileSync(file, `${text}\n- ${date}, \`${command}\`: ${line}\n`);
}
