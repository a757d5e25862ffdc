/**
 * The long series of faults: `npm run faults -- --case crash --runs 20`. Runs each case on whoever
 * owns the VIP, with the judge attached, and prints min / median / max.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../test/bench/machine.ts';
import {
  FAULT_CASES,
  type FaultCase,
  type FaultResult,
  runFault,
} from '../test/lab/fault-cases.ts';
import { type RunningLab, startRunningLab } from '../test/lab/running-lab.ts';
import { spreadOf, tableLines } from '../test/lab/tables.ts';

const HELP = `npm run faults -- [--case NAME]... [--runs N] [--nodes N] [--profile P]
                 [--json FILE] [--read FILE] [--write] [--logs DIR] [--verbose]
  --case NAME   ${FAULT_CASES.map(({ name }) => name).join(', ')} (all)
  --runs N      runs of each case (5)
  --json FILE   every result, as JSON
  --read FILE   reports results of an earlier run instead of making new ones
  --write       writes the summary to docs/faults.md
  --logs DIR    where the daemons' logs are kept when a run is odd (leasehold-faults in the
                folder for temporary files)
  --verbose     the owner's timeline of every run, not only of odd ones`;

/** The acceptance figure of the lease half: takerPatience, a write and a barrier. */
const LONGEST_MS = 3300;

const { values } = parseArgs({
  options: {
    case: { type: 'string', multiple: true },
    runs: { type: 'string', default: '5' },
    nodes: { type: 'string', default: '3' },
    profile: { type: 'string', default: 'standard' },
    json: { type: 'string' },
    read: { type: 'string' },
    write: { type: 'boolean', default: false },
    logs: { type: 'string', default: join(tmpdir(), 'leasehold-faults') },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(HELP);
} else {
  const cases = (values.case ?? FAULT_CASES.map(({ name }) => name)).map(caseNamed);
  const results =
    values.read === undefined ? await series(cases, runs()) : readResults(values.read);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
  const rows = summary(results);
  console.log(`\nLongest time without an answer to ARP, ${values.nodes} nodes, ${values.profile}:`);
  console.log(tableLines(rows).join('\n'));
  if (values.write) writeFileSync(join(import.meta.dirname, '../docs/faults.md'), page(rows));
}

function caseNamed(name: string): FaultCase {
  const found = FAULT_CASES.find((each) => each.name === name);
  if (found !== undefined) return found;
  return refuse(`no case '${name}': there are ${FAULT_CASES.map((each) => each.name).join(', ')}`);
}

function runs(): number {
  const count = Number(values.runs);
  if (Number.isInteger(count) && count > 0) return count;
  return refuse(`--runs takes a whole number above 0: it is '${values.runs}'`);
}

function refuse(reason: string): never {
  console.error(`faults: ${reason}`);
  process.exit(1);
}

async function series(cases: readonly FaultCase[], count: number): Promise<FaultResult[]> {
  const results: FaultResult[] = [];
  await using running = await startRunningLab({
    nodes: Number(values.nodes),
    agentFlags: ['--profile', values.profile, '--log-level', 'debug'],
  });
  await running.lab.service({ name: 'faults', backends: running.lab.backends });
  const vip = await running.lab.vip('faults');
  for (const fault of cases) {
    console.log(`${fault.name}: ${fault.what}`);
    for (let index = 1; index <= count; index += 1) {
      const result = await runFault(running, fault, vip);
      results.push(result);
      console.log(`  ${String(index).padStart(3)}/${count}  ${told(result)}`);
      if (values.verbose || isOdd(result)) {
        for (const line of result.timeline) console.log(`        ${line}`);
      }
      if (isOdd(result))
        console.log(`        logs: ${keepLogs(running, `${fault.name}-${index}`)}`);
    }
  }
  return results;
}

/** What the daemons wrote up to now, their answers from the API server with their times included. */
function keepLogs({ lab, controller }: RunningLab, name: string): string {
  const folder = join(values.logs, name);
  mkdirSync(folder, { recursive: true });
  const logs = [controller.process.log];
  for (const node of lab.nodes) logs.push(join(lab.controlPlane.folder, `${node.name}-agent.log`));
  for (const log of logs) cpSync(log, join(folder, basename(log)));
  return folder;
}

function readResults(file: string): FaultResult[] {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function isOdd(result: FaultResult): boolean {
  return result.doubled > 0 || result.stale > 0 || result.longestUnansweredMs > LONGEST_MS;
}

function told(result: FaultResult): string {
  const { owner, successor = 'nobody', longestUnansweredMs, doubled, stale, udpLost } = result;
  const gap = `${longestUnansweredMs.toFixed(0)} ms`.padStart(8);
  const notes = result.complaints.length === 0 ? '' : `  (${result.complaints.join('; ')})`;
  const counts = `doubled ${doubled}, stale ${stale}, UDP lost ${udpLost}`;
  return `${owner} -> ${successor}  ${gap}  ${counts}${notes}`;
}

function summary(results: readonly FaultResult[]): string[][] {
  const head = ['case', 'runs', 'min ms', 'median ms', 'max ms'];
  const made = FAULT_CASES.filter(({ name }) => results.some((result) => result.case === name));
  return [
    [...head, 'doubled', 'stale', 'UDP lost', 'UDP sent'],
    ...made.map(({ name }) =>
      row(
        name,
        results.filter((result) => result.case === name),
      ),
    ),
  ];
}

function row(name: string, of: readonly FaultResult[]): string[] {
  const { min, median, max } = spreadOf(of.map((result) => result.longestUnansweredMs));
  const sum = (pick: (result: FaultResult) => number) =>
    String(of.reduce((total, result) => total + pick(result), 0));
  return [
    name,
    String(of.length),
    ...[min, median, max].map((value) => value.toFixed(0)),
    sum((result) => result.doubled),
    sum((result) => result.stale),
    sum((result) => result.udpLost),
    sum((result) => result.udpSent),
  ];
}

/** docs/faults.md: what was measured, by which command, on what. */
function page(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const command = `npm run faults -- --nodes ${values.nodes} --profile ${values.profile}`;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const date = new Date().toISOString().slice(0, 10);
  return `# Faults

\`${command} --case <case> --runs <runs>\`, ${date}: ${machine()}.

Each run makes the fault on the node that owns the VIP. A client asks for the VIP by ARP every 10 ms and
sends a UDP datagram through it every 10 ms; the judge reads every frame at every port of the switch.
*min*, *median* and *max* are of the longest time in a run during which requests went unanswered.
*doubled* counts requests that two MACs answered; *stale*, frames by which a node that had been stopped
claimed the VIP after it was woken.

${line(head)}
${line(head.map(() => '---'))}
${body.map(line).join('\n')}

${FAULT_CASES.map(({ name, what }) => `- **${name}**: ${what}.`).join('\n')}

In *crash* and *link-down* the node stops forwarding too, and so does the backend behind it, which the
EndpointSlice goes on listing: datagrams are lost until the client has heard of the next owner, and for
the rest of the watch if that one picks the dead backend. In all others the old owner goes on
forwarding for clients that know its MAC.
`;
}
