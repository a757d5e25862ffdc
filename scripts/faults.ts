/**
 * The long series of faults: `npm run faults -- --case crash --runs 20`. Runs each case on whoever
 * owns the VIP, with the judge attached, and prints min / median / max.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../test/bench/machine.ts';
import { cataloguePage } from '../test/lab/catalogue-page.ts';
import { breaches, type FaultCase, type FaultResult } from '../test/lab/fault.ts';
import {
  FAULT_LABS,
  type FaultLab,
  type RunningFaultLab,
  startFaultLab,
} from '../test/lab/fault-labs.ts';
import { told } from '../test/lab/fault-told.ts';
import type { Protection, RunningLab } from '../test/lab/running-lab.ts';
import { spreadOf, tableLines } from '../test/lab/tables.ts';

const CASES = FAULT_LABS.flatMap(({ cases }) => cases);

const HELP = `npm run faults -- [--case NAME]... [--lab NAME]... [--runs N] [--nodes N] [--profile P]
                 [--protection P] [--short] [--json FILE] [--read FILE] [--write]
                 [--logs DIR] [--verbose]
  --case NAME   ${CASES.map(({ name }) => name).join(', ')} (all)
  --lab NAME    all cases of ${FAULT_LABS.map(({ name }) => `'${name}'`).join(', ')}
  --runs N      runs of each case (5)
  --protection  'with witness' (default) or 'leases alone'
  --short       outages as short as in scripts/test
  --json FILE   every result, as JSON
  --read FILE   reports results of earlier runs instead of making new ones; may be given again
  --write       writes the summary to docs/faults.md
  --catalogue   writes the results to docs/faults-catalogue.md
  --logs DIR    where the daemons' logs are kept when a run is odd (leasehold-faults in the
                folder for temporary files)
  --verbose     the owner's timeline of every run, not only of odd ones`;

const { values } = parseArgs({
  options: {
    case: { type: 'string', multiple: true },
    lab: { type: 'string', multiple: true },
    runs: { type: 'string', default: '5' },
    nodes: { type: 'string', default: '3' },
    profile: { type: 'string', default: 'standard' },
    protection: { type: 'string', default: 'with witness' },
    short: { type: 'boolean', default: false },
    json: { type: 'string' },
    read: { type: 'string', multiple: true },
    write: { type: 'boolean', default: false },
    catalogue: { type: 'boolean', default: false },
    logs: { type: 'string', default: join(tmpdir(), 'leasehold-faults') },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(HELP);
} else {
  const results = values.read === undefined ? await series() : values.read.flatMap(readResults);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
  const rows = summary(results);
  const place = `${values.nodes} nodes, ${values.profile}, ${values.protection}`;
  console.log(`\nLongest time without an answer to ARP, ${place}:`);
  console.log(tableLines(rows).join('\n'));
  if (values.write) writeFileSync(join(import.meta.dirname, '../docs/faults.md'), page(rows));
  if (values.catalogue) {
    const made = `${new Date().toISOString().slice(0, 10)}, ${machine()}`;
    const text = cataloguePage(results, made);
    writeFileSync(join(import.meta.dirname, '../docs/faults-catalogue.md'), text);
  }
}

function wanted({ name, cases }: FaultLab): readonly FaultCase[] {
  if (values.case === undefined && values.lab === undefined) return cases;
  if (values.lab?.includes(name)) return cases;
  return cases.filter((each) => values.case?.includes(each.name));
}

function checkNames(): void {
  for (const name of values.case ?? []) {
    const names = CASES.map((each) => each.name);
    if (!names.includes(name)) refuse(`no case '${name}': there are ${names.join(', ')}`);
  }
  for (const name of values.lab ?? []) {
    const names = FAULT_LABS.map((each): string => each.name);
    if (!names.includes(name)) refuse(`no lab '${name}': there are ${names.join(', ')}`);
  }
}

function protection(): Protection {
  const { protection: text } = values;
  if (text === 'with witness' || text === 'leases alone') return text;
  return refuse(`--protection takes 'with witness' or 'leases alone': it is '${text}'`);
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

async function series(): Promise<FaultResult[]> {
  checkNames();
  const results: FaultResult[] = [];
  for (const faultLab of FAULT_LABS) {
    const cases = wanted(faultLab);
    if (cases.length === 0) continue;
    const chosen = { ...faultLab, cases };
    await using lab = await startFaultLab(chosen, {
      nodes: Number(values.nodes),
      protection: protection(),
      agentFlags: ['--profile', values.profile, '--log-level', 'debug'],
    });
    for (const fault of cases) {
      console.log(`${fault.number} ${fault.name}: ${fault.what}`);
      for (let index = 1; index <= runs(); index += 1) {
        const result = await once(lab, fault, index).catch((error: unknown) => {
          console.log(`  ${String(index).padStart(3)}/${values.runs}  FAILED: ${error}`);
          process.exitCode = 1;
        });
        if (result !== undefined) results.push(result);
      }
    }
  }
  return results;
}

async function once(lab: RunningFaultLab, fault: FaultCase, index: number): Promise<FaultResult> {
  const result = await lab.run(fault, values.short ? 'short' : 'long');
  console.log(`  ${String(index).padStart(3)}/${values.runs}  ${told(result)}`);
  const found = breaches(result, fault.accept[result.protection]);
  for (const each of found) console.log(`        BEYOND THE BOUNDS: ${each}`);
  if (values.verbose || found.length > 0) {
    for (const line of shortened(result.timeline)) console.log(`        ${line}`);
  }
  if (found.length > 0)
    console.log(`        logs: ${keepLogs(lab.running, `${fault.name}-${index}`)}`);
  return result;
}

function shortened(lines: readonly string[]): readonly string[] {
  if (lines.length <= 50) return lines;
  return [...lines.slice(0, 35), `... ${lines.length - 50} more`, ...lines.slice(-15)];
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

function summary(results: readonly FaultResult[]): string[][] {
  const head = ['case', 'no.', 'runs', 'min ms', 'median ms', 'max ms'];
  const made = CASES.filter(({ name }) => results.some((result) => result.case === name));
  return [
    [...head, 'moves', 'doubled', 'stale', 'UDP lost', 'UDP sent'],
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
    String(of[0]?.number ?? ''),
    String(of.length),
    ...[min, median, max].map((value) => value.toFixed(0)),
    sum((result) => result.moves),
    sum((result) => result.doubled),
    sum((result) => result.stale),
    sum((result) => result.udpLost),
    sum((result) => result.udpSent),
  ];
}

/** docs/faults.md: what was measured, by which command, on what. */
function page(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const guard = `--protection '${values.protection}'`;
  const command = `npm run faults -- --nodes ${values.nodes} --profile ${values.profile} ${guard}`;
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

${CASES.filter(({ name }) => rows.some(([first]) => first === name))
  .map(({ name, what }) => `- **${name}**: ${what}.`)
  .join('\n')}

In *crash* and *link-down* the node stops forwarding too, and so does the backend behind it, which the
EndpointSlice goes on listing: datagrams are lost until the client has heard of the next owner, and for
the rest of the watch if that one picks the dead backend. In all others the old owner goes on
forwarding for clients that know its MAC.
`;
}
