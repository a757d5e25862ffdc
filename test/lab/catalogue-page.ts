import type { Acceptance, FaultCase, FaultResult } from './fault.ts';
import { breaches } from './fault.ts';
import { FAULT_LABS } from './fault-labs.ts';
import type { Protection } from './running-lab.ts';
import { spreadOf } from './tables.ts';

/** The bounds are for so many nodes. */
const NODES = 3;
const PROTECTIONS: readonly Protection[] = ['with witness', 'leases alone'];

/** The text of docs/faults-catalogue.md: every case, its bounds, and what came of it. */
export function cataloguePage(all: readonly FaultResult[], made: string): string {
  const results = all.filter(({ nodes }) => nodes === NODES);
  const cases = FAULT_LABS.flatMap((lab) => lab.cases.map((fault) => ({ lab: lab.name, fault })));
  const numbered = cases.filter(({ fault }) => fault.number > 0);
  const rows = numbered.sort((a, b) => a.fault.number - b.fault.number);
  return `# The fault catalogue

What is done to Leasehold in the lab, and what may come of it. Each case is an entry in
\`test/lab/cases/\`. \`scripts/test\` makes each that is met once with the witness, and what befalls an owner by
Leases alone too; there the bounds of times are 3 times as wide and more, the others are these. \`npm run faults --
--case NAME\` makes series of a case and judges by the bounds below. This page is the output of
\`npm run faults -- --read FILE... --catalogue\`.

Three nodes, profile standard. The judge reads every frame at every port of the switch. A client asks
for the VIP by ARP every 10 ms and sends a UDP datagram through it every 10 ms; three more VIPs are
asked in turn. In every case requests that two MACs answered must be 0, and so must be answers by a
node that was stopped, lost the VIP and was woken. *Others* are VIPs that another node owned when the
fault was made. A bound that is not given is not judged.

The results are of ${made}. Each says: runs, the longest time without an answer (median, maximum), moves of
the VIP (most in a run), doubled answers (sum), and in bold what was beyond its bound.

${table([
  ['no.', 'case', 'what is done', ...PROTECTIONS.flatMap((each) => [`bound, ${each}`, 'result'])],
  ...rows.map(({ fault }) => rowOf(fault, results)),
])}

## Not met yet

${remarks(rows, ({ notMet }) => notMet)}

## In the series alone

What \`scripts/test\` leaves out because not every clone has what it needs:

${remarks(rows, ({ needs }) => needs)}

## What stands in for what

${remarks(rows, ({ standsIn }) => standsIn)}

This kernel has no \`netem\` and no control groups of version 2 with controllers; delays and losses
are made by the API proxy and by nftables. Not made here, because nothing can stand in for them: a
virtual machine that is frozen together with its clocks (8) and clocks that run at another rate (25).
Both are in the simulation.
`;
}

function remarks(
  rows: readonly { readonly fault: FaultCase }[],
  remark: (fault: FaultCase) => string | undefined,
): string {
  const made = rows.flatMap(({ fault }) => {
    const text = remark(fault);
    return text === undefined ? [] : [`- **${fault.number} ${fault.name}**: ${text}.`];
  });
  return made.join('\n') || 'None.';
}

function rowOf(fault: FaultCase, results: readonly FaultResult[]): string[] {
  const of = results.filter((result) => result.case === fault.name);
  return [
    String(fault.number),
    fault.name,
    fault.what,
    ...PROTECTIONS.flatMap((protection) => [
      boundText(fault.accept[protection]),
      resultText(
        of.filter((result) => result.protection === protection),
        fault.accept[protection],
      ),
    ]),
  ];
}

function boundText(bounds: Acceptance): string {
  const { unansweredMs, othersUnansweredMs, backMs, moves, otherMoves, udpLost } = bounds;
  const parts = [
    unansweredMs === undefined ? [] : [`${unansweredMs} ms`],
    backMs === undefined ? [] : [`back in ${backMs} ms`],
    moves === undefined ? [] : [`${moves} moves`],
    udpLost === undefined ? [] : [`UDP lost ${udpLost}`],
    othersUnansweredMs === undefined ? [] : [`others ${othersUnansweredMs} ms`],
    otherMoves === undefined ? [] : [`others ${otherMoves} moves`],
  ];
  return parts.flat().join(', ') || 'doubled answers alone';
}

function resultText(of: readonly FaultResult[], bounds: Acceptance): string {
  if (of.length === 0) return 'not made yet';
  const { median, max } = spreadOf(of.map((result) => result.longestUnansweredMs));
  const most = Math.max(...of.map(({ moves }) => moves));
  const doubled = of.reduce((sum, each) => sum + each.doubled, 0);
  const beyond = new Set(of.flatMap((result) => breaches(result, bounds)));
  const wrong = [...beyond].map((each) => `; **${each}**`).join('');
  const gap = `${median.toFixed(0)}, ${max.toFixed(0)} ms`;
  return `${of.length}: ${gap}, ${most} moves, doubled ${doubled}${wrong}`;
}

function table([head = [], ...body]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ').replaceAll('\n', ' ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}
