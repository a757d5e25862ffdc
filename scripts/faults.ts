/**
 * The long series of faults: `npm run faults -- --case crash --runs 20`. Runs each case on whoever
 * owns the VIP, with the judge attached, and prints min / median / max.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  FAULT_CASES,
  type FaultCase,
  type FaultResult,
  runFault,
} from '../test/lab/fault-cases.ts';
import { startRunningLab } from '../test/lab/running-lab.ts';
import { spreadOf, tableLines } from '../test/lab/tables.ts';

const { values } = parseArgs({
  options: {
    case: { type: 'string', multiple: true },
    runs: { type: 'string', default: '5' },
    nodes: { type: 'string', default: '3' },
    profile: { type: 'string', default: 'standard' },
    json: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

const names = FAULT_CASES.map(({ name }) => name);
const cases = (values.case ?? names).map((name): FaultCase => {
  const found = FAULT_CASES.find((each) => each.name === name);
  if (found === undefined) {
    console.error(`faults: no case '${name}': there are ${names.join(', ')}`);
    process.exit(1);
  }
  return found;
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) {
  console.error(`faults: --runs takes a whole number of at least 1: it is '${values.runs}'`);
  process.exit(1);
}

const results: FaultResult[] = [];
await using running = await startRunningLab({
  nodes: Number(values.nodes),
  agentFlags: ['--profile', values.profile],
});
await running.lab.service({ name: 'faults', backends: running.lab.backends });
const vip = await running.lab.vip('faults');
for (const fault of cases) {
  console.log(`${fault.name}: ${fault.what}`);
  for (let index = 1; index <= runs; index += 1) {
    const result = await runFault(running, fault, vip);
    results.push(result);
    console.log(`  ${String(index).padStart(3)}/${runs}  ${told(result)}`);
    const odd = result.doubled > 0 || result.stale > 0 || result.longestUnansweredMs > 3300;
    if (values.verbose || odd) for (const line of result.timeline) console.log(`        ${line}`);
  }
}
const table = [
  ['case', 'runs', 'min ms', 'median ms', 'max ms', 'doubled', 'stale', 'UDP lost', 'UDP sent'],
  ...cases.map(({ name }) =>
    summary(
      name,
      results.filter((result) => result.case === name),
    ),
  ),
];
console.log(`\nLongest time without an answer to ARP, ${values.nodes} nodes, ${values.profile}:`);
console.log(tableLines(table).join('\n'));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);

function told(result: FaultResult): string {
  const { owner, successor = 'nobody', longestUnansweredMs, doubled, stale, udpLost } = result;
  const gap = `${longestUnansweredMs.toFixed(0)} ms`.padStart(8);
  const notes = result.complaints.length === 0 ? '' : `  (${result.complaints.join('; ')})`;
  return `${owner} -> ${successor}  ${gap}  doubled ${doubled}, stale ${stale}, UDP lost ${udpLost}${notes}`;
}

function summary(name: string, of: readonly FaultResult[]): string[] {
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
