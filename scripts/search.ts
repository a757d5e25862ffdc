/**
 * The exhaustive search: `npm run search -- --nodes 3 --faults 1 --depth 12`. Every history of a small
 * cluster of the production election, up to a number of faults and of units of time; a broken promise
 * prints the shortest history that breaks it.
 */
import { parseArgs } from 'node:util';
import { type Found, search } from '../test/support/search.ts';
import { UNIT_MS } from '../test/support/search-world.ts';

const HELP = `npm run search -- [options]
  --nodes N      2 or 3 (2)
  --witness      agents beat on the segment; without it Leases alone decide
  --start S      steady: one node owns the VIP, the others are members; cold: no Lease exists;
                 alone: one is there, and the others come (steady)
  --faults N     in one history at most (1)
  --only A,B     only faults whose text contains one of these: dies, boots anew, is killed, stops,
                 is late, is lost, the watch, the beat ...
  --depth N      units of ${UNIT_MS} ms after which a history ends (12)
  --states N     gives up after so many states`;

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '2' },
    witness: { type: 'boolean', default: false },
    start: { type: 'string', default: 'steady' },
    faults: { type: 'string', default: '1' },
    only: { type: 'string' },
    depth: { type: 'string', default: '12' },
    states: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(HELP);
else report(run());

function run(): Found {
  const { start, witness, only, states } = values;
  if (start !== 'steady' && start !== 'cold' && start !== 'alone') {
    return refuse(`--start is steady, cold or alone: it is '${start}'`);
  }
  const nodes = count('nodes');
  if (nodes !== 2 && nodes !== 3) return refuse(`--nodes is 2 or 3: it is '${nodes}'`);
  return search({
    nodes,
    witness,
    start,
    only: only?.split(',') ?? [],
    faults: count('faults'),
    depth: count('depth'),
    ...(states !== undefined && { statesMax: count('states') }),
    onUnit: ({ depth, states, steps }) =>
      console.log(`unit ${depth}: ${states} states, ${steps} steps, ${seconds()} s`),
  });
}

function report({ depth, states, steps, breach, ...found }: Found): void {
  if (breach !== undefined) {
    console.log(`\n${breach.property} is broken: ${breach.text}\n${breach.history.join('\n')}`);
    process.exitCode = 1;
  }
  const end = found.isWhole ? 'nothing new after it' : found.isCut ? 'given up in it' : 'whole';
  const { nodes, start, faults } = values;
  const cluster = `${nodes} nodes ${values.witness ? 'with' : 'without'} witness, ${start} start`;
  console.log(
    `${cluster}, up to ${faults} faults: ${depth} units (${end}), ${states} states, ` +
      `${steps} steps, promises broken: ${breach === undefined ? 0 : 1}; ${seconds()} s of processor`,
  );
}

function count(name: 'nodes' | 'faults' | 'depth' | 'states'): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= 0) return value;
  return refuse(`--${name} takes a whole number: it is '${values[name]}'`);
}

function seconds(): string {
  const { user, system } = process.cpuUsage();
  return ((user + system) / 1e6).toFixed(1);
}

function refuse(reason: string): never {
  console.error(`search: ${reason}`);
  process.exit(1);
}
