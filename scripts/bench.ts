/**
 * `npm run bench`: what an ARP answer, an agent at rest and its Leases cost, measured in the lab with the bundle as shipped.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { countWrites } from '../test/bench/api-writes.ts';
import { startCluster } from '../test/bench/cluster.ts';
import {
  costsOf,
  cpuWhile,
  ownerOf,
  probeAll,
  programOf,
  vipsOf,
  writesPerNode,
} from '../test/bench/measure.ts';
import { compilePrograms } from '../test/bench/programs.ts';
import { aimTable, type Measured, report, verdicts } from '../test/bench/report.ts';

/** Until garbage and timers of what came before are out of the way. */
const SETTLE_MS = 10_000;
const SERVICES = 300;
const HELP = `npm run bench -- [--rounds N] [--interval MS] [--nodes N] [--services N] [--rest SECONDS] [--json FILE] [--write]
  --rounds N      requests to each of the three targets (3000)
  --interval MS   between two requests to one target (10: 100 a second to each)
  --nodes N       nodes of the lab (3)
  --services N    Services of type LoadBalancer (${SERVICES})
  --rest SECONDS  how long API writes and processor time at rest are counted (30)
  --json FILE     writes what was measured, every single latency included, to a file
  --write         writes the report to docs/bench.md; with another number of Services to
                  docs/bench-N-services.md
`;
const root = join(import.meta.dirname, '..');
const started = performance.now();

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3000' },
    interval: { type: 'string', default: '10' },
    nodes: { type: 'string', default: '3' },
    services: { type: 'string', default: String(SERVICES) },
    rest: { type: 'string', default: '30' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) process.stdout.write(HELP);
else await bench();

function say(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  process.stderr.write(`${seconds} s  ${text}\n`);
}

function count(name: 'rounds' | 'interval' | 'nodes' | 'services' | 'rest'): number {
  const value = Number(options[name]);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} ${options[name]}: needs a whole number above 0`);
}

async function bench(): Promise<void> {
  const [nodes, services, rest] = [count('nodes'), count('services'), count('rest')];
  execFileSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: 'inherit' });
  say('bundle built');
  using programs = await compilePrograms();
  await using cluster = await startCluster({ nodes, services, say });
  await sleep(SETTLE_MS);
  say(`at rest: counting API writes and processor time for ${rest} s`);
  const { result: writes, cpu: atRest } = await cpuWhile(cluster, () =>
    countWrites(cluster.lab, rest),
  );
  const [vip = ''] = cluster.vips;
  const { node, agent } = await ownerOf(cluster, programs, vip);
  const pace = { rounds: count('rounds'), intervalMs: count('interval') };
  const seconds = Math.ceil((pace.rounds * pace.intervalMs) / 1000);
  say(`probing ${vip} and its two rivals on ${node.name} for ${seconds} s`);
  const { result: targets, cpu: probed } = await cpuWhile(cluster, () =>
    probeAll(cluster, programs, { node, vip }, pace),
  );
  await sleep(SETTLE_MS);
  publish({
    date: new Date().toISOString().slice(0, 10),
    command: commandLine(),
    program: programOf(cluster),
    nodes,
    services,
    vips: vipsOf(agent),
    intervalMs: pace.intervalMs,
    probed: { node: node.name, links: agent.wires().length },
    targets,
    costs: costsOf(cluster, atRest, probed),
    writes: {
      seconds: writes.seconds,
      perNode: writesPerNode(cluster, writes),
      requests: Object.fromEntries(writes.requests),
    },
  });
}

/** How to run the same again; where the raw figures went is nobody else's business. */
function commandLine(): string {
  const words = process.argv.slice(2).filter((word, index, all) => {
    return !word.startsWith('--json') && all[index - 1] !== '--json';
  });
  return words.length === 0 ? 'npm run bench' : `npm run bench -- ${words.join(' ')}`;
}

function publish(run: Measured): void {
  const text = report(run);
  if (options.json !== undefined) {
    // A set has no JSON of its own.
    const plain = (_key: string, value: unknown) => (value instanceof Set ? [...value] : value);
    writeFileSync(options.json, JSON.stringify({ ...run, verdicts: verdicts(run) }, plain));
    say(`written: ${options.json}`);
  }
  if (options.write) {
    mkdirSync(join(root, 'docs'), { recursive: true });
    const page = run.services === SERVICES ? 'bench.md' : `bench-${run.services}-services.md`;
    writeFileSync(join(root, 'docs', page), text);
    say(`written: docs/${page}`);
  }
  process.stdout.write(`${text}\n${aimTable(run)}\n`);
}
