/**
 * The long series of the simulation: `npm run simulate -- --seeds 10000`. Many clusters of the
 * production election on a simulated API server, each with its own faults; a broken promise prints
 * the seed that repeats it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../test/bench/machine.ts';
import { tableLines } from '../test/lab/tables.ts';
import { FAULTS } from '../test/support/sim-faults.ts';
import { EVERY_FAULT, runSeed, type SimPlan, type SimRun } from '../test/support/sim-run.ts';

const HELP = `npm run simulate -- [--seeds N] [--from K] [--faults A,B] [--nodes N] [--vips N] [--write]
  --seeds N    how many (1000)
  --from K     the first of them (1)
  --faults A,B only these: ${Object.keys(FAULTS).join(', ')}
  --nodes N    nodes of each cluster (${EVERY_FAULT.nodes})
  --vips N     VIPs of each cluster (${EVERY_FAULT.vips})
  --write      adds the summary to docs/simulation.md`;

/** Broken promises after which a series has said enough. */
const BROKEN_MAX = 5;
const PROGRESS_MS = 10_000;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    faults: { type: 'string' },
    nodes: { type: 'string', default: String(EVERY_FAULT.nodes) },
    vips: { type: 'string', default: String(EVERY_FAULT.vips) },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(HELP);
else report(series());

interface Series {
  readonly runs: number;
  readonly seconds: number;
  readonly simulatedMs: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly broken: readonly SimRun[];
}

function series(): Series {
  const plan: SimPlan = {
    nodes: count('nodes'),
    vips: count('vips'),
    faults: values.faults === undefined ? EVERY_FAULT.faults : faultsNamed(values.faults),
  };
  const [seeds, from] = [count('seeds'), count('from')];
  const begun = performance.now();
  let told = begun;
  let simulatedMs = 0;
  const faults = new Map<string, number>();
  const broken: SimRun[] = [];
  let runs = 0;
  for (let seed = from; seed < from + seeds && broken.length < BROKEN_MAX; seed += 1) {
    const run = runSeed(seed, plan);
    runs += 1;
    simulatedMs += run.simulatedMs;
    for (const [name, times] of run.faults) faults.set(name, (faults.get(name) ?? 0) + times);
    if (run.broken !== undefined) {
      broken.push(run);
      console.log(`${run.broken}\nrepeat with npm run simulate -- --seeds 1 --from ${seed}\n`);
    }
    if (performance.now() - told > PROGRESS_MS) {
      told = performance.now();
      const rate = (runs / (told - begun)) * 1000;
      console.log(`${runs}/${seeds} seeds, ${rate.toFixed(1)} a second, ${broken.length} broken`);
    }
  }
  return { runs, seconds: (performance.now() - begun) / 1000, simulatedMs, faults, broken };
}

function count(name: 'seeds' | 'from' | 'nodes' | 'vips'): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  return refuse(`--${name} takes a whole number above 0: it is '${values[name]}'`);
}

function faultsNamed(list: string): readonly string[] {
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.find((name) => FAULTS[name] === undefined);
  if (unknown === undefined) return names;
  return refuse(`no fault '${unknown}': there are ${Object.keys(FAULTS).join(', ')}`);
}

function refuse(reason: string): never {
  console.error(`simulate: ${reason}`);
  process.exit(1);
}

function report(made: Series): void {
  const rate = made.runs / made.seconds;
  const days = made.simulatedMs / 86_400_000;
  const rows = [...made.faults].sort((a, b) => b[1] - a[1]).map(([k, v]) => [k, String(v)]);
  console.log(tableLines([['fault', 'times'], ...rows]).join('\n'));
  const promises = `promises broken in ${made.broken.length}`;
  const sentence = `${made.runs} seeds from ${values.from}, ${days.toFixed(2)} simulated days: ${promises}`;
  console.log(`\n${sentence}; ${rate.toFixed(1)} seeds a second.`);
  if (values.write) keep(`${sentence}; ${rate.toFixed(1)} seeds a second (${machine()}).`);
  if (made.broken.length > 0) process.exitCode = 1;
}

/** One line for each series, so that parts of a long one add up. */
function keep(line: string): void {
  const file = join(import.meta.dirname, '../docs/simulation.md');
  const flags = ['seeds', 'from', 'nodes', 'vips'] as const;
  const command = flags.map((name) => `--${name} ${values[name]}`).join(' ');
  const only = values.faults === undefined ? '' : ` --faults '${values.faults}'`;
  const date = new Date().toISOString().slice(0, 10);
  const text = readFileSync(file, 'utf8').trimEnd();
  writeFileSync(file, `${text}\n- ${date}, \`npm run simulate -- ${command}${only}\`: ${line}\n`);
}
