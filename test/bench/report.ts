import { type Spread, spreadOf } from '../lab/tables.ts';
import type { Answers } from './latency.ts';
import { machine } from './machine.ts';
import type { Memory } from './process-cost.ts';

/** One process of an agent: what it holds, and milliseconds of processor time per second. */
export interface ProcessCost {
  readonly memory: Memory;
  readonly cpuAtRest: number;
  readonly cpuProbed: number;
}

export interface NodeCost {
  readonly node: string;
  readonly agent: ProcessCost;
  readonly wire: ProcessCost;
}

/** Everything that a run measured. */
export interface Measured {
  readonly date: string;
  readonly command: string;
  readonly program: 'bundle' | 'sources';
  readonly nodes: number;
  readonly services: number;
  readonly vips: number;
  readonly intervalMs: number;
  readonly probed: { readonly node: string; readonly links: number };
  readonly targets: Readonly<Record<'leasehold' | 'kernel' | 'responder', Answers>>;
  readonly costs: readonly NodeCost[];
  readonly writes: {
    readonly seconds: number;
    readonly perNode: Readonly<Record<string, number>>;
    readonly requests: Readonly<Record<string, number>>;
  };
}

/** The aims of `npm run bench`; the numbers are the most that is allowed. */
export const aims = { overResponder: 1.7, overKernel: 2.5, memoryMb: 150, writesPerSecond: 1.05 };

const NAMES = {
  leasehold: 'Leasehold (a VIP)',
  responder: 'C responder (AF_PACKET)',
  kernel: 'kernel (an address of the node)',
};

interface Aim {
  readonly name: string;
  readonly value: string;
  readonly most: number;
  readonly met: boolean;
}

/** The run as Markdown, as it is printed and as it is kept in `docs/bench.md`. */
export function report(run: Measured): string {
  return [
    '# Benchmark',
    `\`${run.command}\`, ${run.date}: ${machine()}. ${run.nodes} nodes in network namespaces, witness on, ` +
      `${run.services} Services, ${run.vips} VIPs on the probed node ${run.probed.node}, ` +
      `${run.probed.links} link; agents and wires ran the ${run.program}.`,
    aimTable(run),
    '## An ARP answer',
    `Microseconds from before send() to after recv() in a C program on a client, one request per ` +
      `${run.intervalMs} ms to each of three targets, interleaved in random order, all on one link of one node. ` +
      'Like the agent, the C responder sees every ARP request of the link. "On the wire" is until the ' +
      "client's kernel had the answer, without the waking up of the prober.",
    latencyTable(run),
    '## Memory',
    "Megabytes (10^6 bytes) at rest, after the probing. RSS counts the pages of Node's own program once per " +
      'process; PSS shares them out among all processes of Node on this machine; unique is what nobody else has.',
    memoryTable(run),
    '## Processor time',
    'Milliseconds per second.',
    processorTable(run),
    '## API writes at rest',
    `Committed writes to our Leases within ${run.writes.seconds.toFixed(1)} s in which nothing happened, counted by a ` +
      "watch; below them, every writing request that the API server answered meanwhile, others' too.",
    writeTable(run),
    '',
  ].join('\n\n');
}

/** What the run measured beside what it should be. */
export function verdicts(run: Measured): Aim[] {
  const median = (target: keyof typeof NAMES) => spreadOf(run.targets[target].elapsed).median;
  const ours = median('leasehold');
  const aim = (name: string, value: number, most: number, unit: string): Aim => ({
    name,
    value: `${value.toFixed(2)}${unit}`,
    most,
    met: value <= most,
  });
  const memory = Math.max(
    ...run.costs.map(({ agent, wire }) => agent.memory.rss + wire.memory.rss),
  );
  const writes = Math.max(...Object.values(run.writes.perNode)) / run.writes.seconds;
  return [
    aim('median answer over the C responder', ours / median('responder'), aims.overResponder, 'x'),
    aim('median answer over the kernel', ours / median('kernel'), aims.overKernel, 'x'),
    aim('RSS of agent and wire, most of any node', memory, aims.memoryMb, ' MB'),
    aim('API writes per second, most of any node', writes, aims.writesPerSecond, ''),
  ];
}

/** The aims as a table. */
export function aimTable(run: Measured): string {
  return table(
    ['aim', 'measured', 'at most', ''],
    verdicts(run).map(({ name, value, most, met }) => [
      name,
      value,
      String(most),
      met ? 'PASS' : 'over the aim',
    ]),
  );
}

function latencyTable({ targets }: Measured): string {
  const row = (name: string, values: readonly number[], answers: Answers) => {
    const spread: Spread = spreadOf(values);
    const micros = [spread.min, spread.median, spread.p99, spread.max].map((us) => us.toFixed(0));
    return [name, ...micros, String(values.length), String(answers.lost), String(answers.extra)];
  };
  const keys = ['leasehold', 'responder', 'kernel'] as const;
  return table(
    ['who answers', 'min', 'median', 'p99', 'max', 'answers', 'lost', 'doubled'],
    [
      ...keys.map((key) => row(NAMES[key], targets[key].elapsed, targets[key])),
      ...keys.map((key) => row(`${NAMES[key]}, on the wire`, targets[key].wire, targets[key])),
    ],
  );
}

function memoryTable({ costs }: Measured): string {
  const cells = ({ rss, pss, unique }: Memory) => [rss, pss, unique].map((mb) => mb.toFixed(1));
  const both = (a: Memory, b: Memory): Memory => ({
    rss: a.rss + b.rss,
    pss: a.pss + b.pss,
    unique: a.unique + b.unique,
  });
  return table(
    ['node', 'process', 'RSS', 'PSS', 'unique'],
    costs.flatMap(({ node, agent, wire }) => [
      [node, 'agent', ...cells(agent.memory)],
      [node, 'wire', ...cells(wire.memory)],
      [node, 'both', ...cells(both(agent.memory, wire.memory))],
    ]),
  );
}

function processorTable({ costs }: Measured): string {
  const row = (node: string, name: string, cost: ProcessCost) => [
    node,
    name,
    cost.cpuAtRest.toFixed(1),
    cost.cpuProbed.toFixed(1),
  ];
  return table(
    ['node', 'process', 'at rest', 'while probed'],
    costs.flatMap(({ node, agent, wire }) => [row(node, 'agent', agent), row(node, 'wire', wire)]),
  );
}

function writeTable({ writes }: Measured): string {
  const perSecond = (count: number) => (count / writes.seconds).toFixed(3);
  const rows = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, count]) => [name, String(count), perSecond(count)]);
  return [
    table(['node', 'writes', 'per second'], rows(writes.perNode)),
    table(['request', 'answered', 'per second'], rows(writes.requests)),
  ].join('\n\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
