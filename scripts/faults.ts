/**
 * The long series of faults: `npm run faults -- --case crash --runs 20`. Runs each case on whoever
 * owns the VIP, with the judge attached, and prints min / median / max.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { hardware } from '../test/bench/machine.ts';
import { cataloguePage } from '../test/lab/catalogue-page.ts';
import { type Acceptance, breaches, type FaultResult, titleOf } from '../test/lab/fault.ts';
import { FAULT_LABS } from '../test/lab/fault-labs.ts';
import { FAULT_SERIES, type FaultSeries } from '../test/lab/fault-series.ts';
import { told } from '../test/lab/fault-told.ts';
import { faultRows, faultsPage, moreLines, placeOf } from '../test/lab/faults-page.ts';
import type { Protection, RunningLab } from '../test/lab/running-lab.ts';
import { runSeries, type SeriesPlan } from '../test/lab/series-run.ts';
import { tableLines } from '../test/lab/tables.ts';

const CASES = FAULT_LABS.flatMap(({ cases }) => cases);
/** The bounds of the catalogue are for so many nodes; with fewer there may be nobody to take over. */
const BOUND_NODES = 3;

const HELP = `npm run faults -- [--case NAME]... [--lab NAME]... [--runs N] [--nodes N] [--profile P]
                 [--protection P] [--watch S] [--short] [--resume FILE] [--logs DIR] [--verbose]
npm run faults -- --series NAME [--runs N] [--watch S] [--short] [--resume FILE]
npm run faults -- --read FILE... [--page] [--catalogue]
  --case NAME   ${CASES.map(({ name }) => name).join(', ')} (all)
  --lab NAME    all cases of ${FAULT_LABS.map(({ name }) => `'${name}'`).join(', ')}
  --runs N      runs of each case (5)
  --nodes N     nodes of the lab (3)
  --protection  'with witness' (default) or 'leases alone'
  --watch S     watches each fault for so many seconds
  --short       outages as short as in scripts/test
  --resume FILE keeps every result there, after each run, and goes on from it: stop it whenever you
                like (of a series: NAME.json in the folder of --logs)
  --series NAME one of
${FAULT_SERIES.map(({ name, what, runs }) => `      ${name.padEnd(18)}${what} (${runs} runs)`).join('\n')}
  --read FILE   reports results of earlier runs instead of making new ones
  --page        writes the summary to docs/faults.md
  --catalogue   writes the results to docs/faults-catalogue.md
  --logs DIR    where the daemons' logs are kept when a run is odd (leasehold-faults in the
                folder for temporary files)
  --verbose     the owner's timeline of every run, not only of odd ones`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    case: { type: 'string', multiple: true },
    lab: { type: 'string', multiple: true },
    series: { type: 'string' },
    runs: { type: 'string' },
    nodes: { type: 'string', default: String(BOUND_NODES) },
    profile: { type: 'string', default: 'standard' },
    protection: { type: 'string', default: 'with witness' },
    watch: { type: 'string' },
    short: { type: 'boolean', default: false },
    resume: { type: 'string' },
    read: { type: 'string', multiple: true },
    page: { type: 'boolean', default: false },
    catalogue: { type: 'boolean', default: false },
    logs: { type: 'string', default: join(tmpdir(), 'leasehold-faults') },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(HELP);
else
  report(values.read === undefined ? await make() : [...values.read, ...positionals].flatMap(read));

function report(results: readonly FaultResult[]): void {
  const groups = Map.groupBy(results, ({ nodes, protection }) => `${nodes} nodes, ${protection}`);
  for (const [place, of] of groups) {
    console.log(`\nLongest time without an answer to ARP, ${place}:`);
    console.log([...tableLines(faultRows(of)), ...moreLines(of)].join('\n'));
  }
  console.log(`\n${lastLine(results)}`);
  if (values.page) write('faults.md', faultsPage(results, hardware()));
  if (values.catalogue) {
    write('faults-catalogue.md', cataloguePage(results, placeOf(results, hardware())));
  }
}

function lastLine(results: readonly FaultResult[]): string {
  const sum = (pick: (result: FaultResult) => number) =>
    results.reduce((total, result) => total + pick(result), 0);
  const beyond = results.filter((result) => breachesOf(result).length > 0).length;
  return [
    `${values.series ?? 'all'}: ${results.length} runs, ${beyond} of them beyond their bounds`,
    `doubled ${sum(({ doubled }) => doubled)}`,
    `stale ${sum(({ stale }) => stale)}`,
    `moves ${sum(({ moves }) => moves)}, of other VIPs ${sum(({ otherMoves }) => otherMoves)}`,
  ].join('; ');
}

function write(page: string, text: string): void {
  writeFileSync(join(import.meta.dirname, '../docs', page), text);
}

/** Makes the runs that are wanted and missing; a kill in the middle loses one run. */
async function make(): Promise<readonly FaultResult[]> {
  if (positionals.length > 0) refuse(`nothing takes '${positionals[0]}': see --help`);
  const plan = planOf(namedSeries());
  const results = values.resume === undefined && values.series === undefined ? [] : read(file());
  if (results.length > 0) console.log(`${results.length} runs are made already, in ${file()}`);
  const missed = await runSeries(plan, results, {
    onCase: (fault) => console.log(titleOf(fault)),
    onResult(result, { index, lab }) {
      results.push(result);
      if (values.resume !== undefined || values.series !== undefined) keep(results);
      tell(result, `${String(index).padStart(3)}/${plan.runs}`, lab.running);
    },
    onFailure: (error) => console.log(`  FAILED: ${error instanceof Error ? error.stack : error}`),
  });
  if (missed > 0) {
    console.log(`${missed} runs could not be made`);
    process.exitCode = 1;
  }
  return results;
}

function namedSeries(): FaultSeries | undefined {
  if (values.series === undefined) return undefined;
  const found = FAULT_SERIES.find(({ name }) => name === values.series);
  const names = FAULT_SERIES.map(({ name }) => name).join(', ');
  return found ?? refuse(`no series '${values.series}': there are ${names}`);
}

function planOf(series: FaultSeries | undefined): SeriesPlan {
  const { profile } = values;
  const length = values.short ? 'short' : 'long';
  const watchMs = values.watch === undefined ? series?.watchMs : 1000 * count('watch', '0');
  const runs = count('runs', String(series?.runs ?? 5));
  const { cases, nodes, protection } = series ?? {
    cases: wanted(),
    nodes: count('nodes', '0'),
    protection: protectionOf(values.protection),
  };
  return { cases, runs, nodes, profile, protection, length, watchMs };
}

function wanted(): readonly string[] {
  const { case: names = [], lab: labs = [] } = values;
  const every = CASES.map(({ name }) => name);
  for (const name of names)
    if (!every.includes(name)) refuse(`no case '${name}': there are ${every.join(', ')}`);
  const all = FAULT_LABS.map(({ name }): string => name);
  for (const name of labs)
    if (!all.includes(name)) refuse(`no lab '${name}': there are ${all.join(', ')}`);
  if (names.length + labs.length === 0) return every;
  const ofLabs = FAULT_LABS.filter(({ name }) => labs.includes(name)).flatMap(({ cases }) => cases);
  return [...names, ...ofLabs.map(({ name }) => name)];
}

function protectionOf(text: string): Protection {
  if (text === 'with witness' || text === 'leases alone') return text;
  return refuse(`--protection takes 'with witness' or 'leases alone': it is '${text}'`);
}

function count(name: 'runs' | 'nodes' | 'watch', otherwise: string): number {
  const text = values[name] ?? otherwise;
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  return refuse(`--${name} takes a whole number above 0: it is '${text}'`);
}

function refuse(reason: string): never {
  console.error(`faults: ${reason}`);
  process.exit(1);
}

function file(): string {
  return values.resume ?? join(values.logs, `${values.series}.json`);
}

function read(path: string): FaultResult[] {
  if (values.read === undefined && !existsSync(path)) return [];
  return JSON.parse(readFileSync(path, 'utf8'));
}

function keep(results: readonly FaultResult[]): void {
  mkdirSync(dirname(file()), { recursive: true });
  const text = JSON.stringify(results, null, 2);
  writeFileSync(`${file()}.new`, `${text}\n`);
  renameSync(`${file()}.new`, file());
}

function tell(result: FaultResult, place: string, running: RunningLab): void {
  console.log(`  ${place}  ${told(result)}`);
  const found = breachesOf(result);
  for (const each of found) console.log(`        BEYOND THE BOUNDS: ${each}`);
  if (values.verbose || found.length > 0)
    for (const line of shortened(result.timeline)) console.log(`        ${line}`);
  if (found.length > 0) console.log(`        logs: ${keepLogs(running, result)}`);
}

/** With fewer nodes than the bounds are for, only what is never excused. */
function breachesOf(result: FaultResult): string[] {
  const fault = CASES.find(({ name }) => name === result.case);
  const bounds: Acceptance =
    result.nodes < BOUND_NODES ? {} : (fault?.accept[result.protection] ?? {});
  return breaches(result, bounds);
}

function shortened(lines: readonly string[]): readonly string[] {
  if (lines.length <= 60) return lines;
  return [...lines.slice(0, 45), `... ${lines.length - 60} more`, ...lines.slice(-15)];
}

/** What the daemons wrote up to now, their answers from the API server with their times included. */
function keepLogs({ lab, controller }: RunningLab, { case: name, at }: FaultResult): string {
  const folder = join(values.logs, `${name}-${at.replaceAll(':', '')}`);
  mkdirSync(folder, { recursive: true });
  const logs = [controller.process.log];
  for (const node of lab.nodes) logs.push(join(lab.controlPlane.folder, `${node.name}-agent.log`));
  for (const log of logs) cpSync(log, join(folder, basename(log)));
  return folder;
}
