import { type FaultResult, watchOf } from './fault.ts';
import { FAULT_LABS } from './fault-labs.ts';
import { spreadOf } from './tables.ts';

const CASES = FAULT_LABS.flatMap(({ cases }) => cases);

/** A table of results, a row for each case; the first row is its head. */
export function faultRows(results: readonly FaultResult[]): string[][] {
  const head = ['case', 'no.', 'runs', 'min ms', 'median ms', 'max ms'];
  const groups = CASES.flatMap(({ name }) => [
    ...Map.groupBy(
      results.filter((result) => result.case === name),
      labelOf,
    ),
  ]);
  return [
    [...head, 'moves', 'doubled', 'stale', 'UDP lost', 'UDP sent'],
    ...groups.map(([title, of]) => rowOf(title, of)),
  ];
}

/** Name of the case, with its length where that is neither of the case's own. */
function labelOf({ case: name, watchMs }: FaultResult): string {
  const fault = CASES.find((each) => each.name === name);
  const usual = fault === undefined ? [] : [watchOf(fault, 'long'), watchOf(fault, 'short')];
  return usual.includes(watchMs) ? name : `${name} (${watchMs / 1000} s)`;
}

function rowOf(title: string, of: readonly FaultResult[]): string[] {
  const { min, median, max } = spreadOf(of.map((result) => result.longestUnansweredMs));
  const sum = (pick: (result: FaultResult) => number) =>
    String(of.reduce((total, result) => total + pick(result), 0));
  return [
    title,
    String(of[0]?.number || '–'),
    String(of.length),
    ...[min, median, max].map((value) => value.toFixed(0)),
    sum((result) => result.moves),
    sum((result) => result.doubled),
    sum((result) => result.stale),
    sum((result) => result.udpLost),
    sum((result) => result.udpSent),
  ];
}

/** When and where results were made, in one line. */
export function placeOf(results: readonly FaultResult[], hardware: string): string {
  const days = [...new Set(results.map(({ at }) => at.slice(0, 10)))].sort();
  const { median, max } = spreadOf(results.map(({ load }) => load));
  return `${days.join(', ')}: ${hardware}, load average ${median.toFixed(1)} (at most ${max.toFixed(1)})`;
}

/** The text of docs/faults.md: what was measured, by which command, on what. */
export function faultsPage(results: readonly FaultResult[], hardware: string): string {
  const groups = Map.groupBy(results, ({ nodes, protection }) => `${nodes} ${protection}`);
  const sections = [...groups.values()].sort((a, b) => orderOf(a) - orderOf(b)).map(section);
  const names = new Set(results.map((result) => result.case));
  return `# Faults

${placeOf(results, hardware)}. Profile \`standard\`.

Each run makes the fault on the node that owns the VIP. A client asks for the VIP by ARP every 10 ms and
sends a UDP datagram through it every 10 ms; the judge reads every frame at every port of the switch.
*min*, *median* and *max* are of the longest time in a run during which requests went unanswered.
*moves* are of the VIP, in all runs together. *doubled* counts requests that two MACs answered; *stale*,
frames by which a node that had been stopped claimed the VIP after it was woken.

${sections.join('\n\n')}

${CASES.filter(({ name }) => names.has(name))
  .map(({ name, what }) => `- **${name}**: ${what}.`)
  .join('\n')}

In *crash* and *link-down* the node stops forwarding too, and so does the backend behind it, which the
EndpointSlice goes on listing: datagrams are lost until the client has heard of the next owner, and for
the rest of the watch if that one picks the dead backend. In all others the old owner goes on
forwarding for clients that know its MAC. With one node nobody takes over: where it is the node or its agent
that ends, the time is that of the watch.

This page is the output of \`npm run faults -- --read FILE... --page\`. All cases, each with its bounds, are
in [faults-catalogue.md](faults-catalogue.md).
`;
}

/** With the witness first, and more nodes before fewer. */
function orderOf([first]: readonly FaultResult[]): number {
  if (first === undefined) return 0;
  return (first.protection === 'with witness' ? 0 : 100) - first.nodes;
}

function section(of: readonly FaultResult[]): string {
  const [{ nodes, protection }] = of as readonly [FaultResult, ...FaultResult[]];
  const [head = [], ...body] = faultRows(of);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    `## ${nodes} ${nodes === 1 ? 'node' : 'nodes'}, ${protection}`,
    '',
    `\`npm run faults -- --nodes ${nodes} --protection '${protection}' --case <case> --runs <runs>\``,
    '',
    line(head),
    line(head.map(() => '---')),
    ...body.map(line),
    ...moreLines(of).map((text) => `\n${text}.`),
  ].join('\n');
}

/** Figures that only some cases have, a phrase each. */
export function moreLines(results: readonly FaultResult[]): string[] {
  const names = [...new Set(results.flatMap(({ more }) => Object.keys(more)))];
  return names.map((name) => {
    const values = results.flatMap(({ more }) => more[name] ?? []);
    const { median, max } = spreadOf(values);
    return `${name}: median ${median.toFixed(2)}, most ${max.toFixed(2)} (${values.length} runs)`;
  });
}
