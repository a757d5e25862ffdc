import type { Protection } from './running-lab.ts';

/** A series of fault cases that shows one thing, made by one command: `npm run faults -- --series NAME`. */
export interface FaultSeries {
  readonly name: string;
  readonly what: string;
  readonly cases: readonly string[];
  readonly runs: number;
  readonly nodes: number;
  readonly protection: Protection;
  /** How long each fault is watched, in place of what its case says, ms. */
  readonly watchMs?: number;
}

const FAILOVERS = ['crash', 'kill', 'link-down', 'stop', 'stop-agent', 'stop-wire', 'api-cut'];
const PLANNED = ['term', 'cordon', 'rolling', 'rolling-surge'];
const OUTAGES = ['api-stop', 'etcd-stop'];
const TABLE = [...FAILOVERS, ...PLANNED];
const RUNS = 30;
const OUTAGE_RUNS = 5;
const TEN_MINUTES_MS = 600_000;

export const FAULT_SERIES: readonly FaultSeries[] = [
  table('table-3', 3, 'with witness'),
  table('table-2', 2, 'with witness'),
  table('table-1', 1, 'with witness'),
  table('table-3-leases', 3, 'leases alone'),
  outages('outages-3', 3),
  outages('outages-2', 2),
  outages('outages-1', 1),
  {
    ...quiet('outage-10-minutes', 'API server and etcd away for 10 minutes each', OUTAGES, 1),
    watchMs: TEN_MINUTES_MS,
  },
  quiet('rest', '2 hours at rest, in watches of a minute', ['rest'], 120),
  quiet('busy', '10 minutes with every core busy, in watches of a minute', ['busy'], 10),
  quiet('stutter', 'the owner is stopped for 150 ms, 100 times', ['stutter'], 1),
];

function table(name: string, nodes: number, protection: Protection): FaultSeries {
  const what = `what may befall an owner, and planned moves: ${places(nodes)}, ${protection}`;
  return { name, what, cases: TABLE, runs: RUNS, nodes, protection };
}

function outages(name: string, nodes: number): FaultSeries {
  const what = `API server and etcd away for 60 s: ${places(nodes)}`;
  return { ...quiet(name, what, OUTAGES, OUTAGE_RUNS), nodes };
}

function quiet(name: string, what: string, cases: readonly string[], runs: number): FaultSeries {
  return { name, what, cases, runs, nodes: 3, protection: 'with witness' };
}

function places(nodes: number): string {
  return nodes === 1 ? '1 node' : `${nodes} nodes`;
}
