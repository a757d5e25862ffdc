import type { CounterMetric, GaugeMetric, Metrics } from '../sys/metrics.ts';

export type Gauges = Readonly<Record<keyof typeof GAUGES, GaugeMetric>>;
export type Counters = Readonly<Record<keyof typeof COUNTERS, CounterMetric>>;

const GAUGES = {
  owned: { name: 'vips_owned', help: 'VIPs that this node answers for' },
  claimed: { name: 'vips_claimed', help: 'VIPs in the committed claims of this node' },
  wanted: { name: 'vips_in_cluster', help: 'VIPs that Services ask for' },
  refused: { name: 'vips_refused', help: 'Ingress addresses that are not announced' },
  authority: {
    name: 'authority_remaining_seconds',
    help: 'How long this node may still answer if no further heartbeat comes back',
  },
  conflicts: {
    name: 'vips_in_conflict',
    help: 'VIPs that this node leaves alone because somebody unknown answers for them',
  },
  holders: {
    name: 'silent_holders',
    help: 'Nodes that do not renew their Lease and still answer on the segment',
  },
  unreadable: { name: 'unreadable_leases', help: 'Leases of the election that make no sense' },
  member: { name: 'member', help: '1 while this node holds authority under its incarnation' },
  held: {
    name: 'held',
    help: '1 while it holds on because the API server is away for all it hears',
  },
  witnessOn: { name: 'witness_on', help: '1 if this agent has a key for the witness' },
  witnessHeard: { name: 'witness_peers_heard', help: 'Live peers that the witness hears' },
  witnessUnheard: {
    name: 'witness_peers_unheard',
    help: 'Peers that renew their Lease and were not heard for 10 s',
  },
  namesake: {
    name: 'namesake',
    help: '1 while this agent waits since another machine runs one under its node name',
  },
  incarnation: { name: 'incarnation', help: 'Present incarnation of this node' },
  peers: {
    name: 'peers',
    help: 'Other nodes by how they stand: live, provisionally dead, dead',
    labels: ['standing'],
  },
  wireReady: { name: 'wire_ready', help: '1 if the wire of the link is at work', labels: ['link'] },
  storeAge: {
    name: 'watch_age_seconds',
    help: 'Seconds since the API server last sent anything for this kind',
    labels: ['kind'],
  },
  storeWatching: {
    name: 'watch_up',
    help: '1 while this kind is being watched',
    labels: ['kind'],
  },
  malformed: {
    name: 'malformed_objects',
    help: 'Objects of this kind that were set aside as unreadable since the start',
    labels: ['kind'],
  },
};

const COUNTERS = {
  moves: {
    name: 'moves_total',
    help: 'VIPs taken or given up by this node',
    labels: ['direction', 'planned'],
  },
  leaseFailures: {
    name: 'lease_failures_total',
    help: 'Lease requests that failed',
    labels: ['action', 'kind'],
  },
  stalls: { name: 'stalls_total', help: 'Gaps of over 200 ms between ticks of 50 ms' },
  wireRestarts: {
    name: 'wire_restarts_total',
    help: 'Wires that were started again',
    labels: ['link'],
  },
  wire: {
    name: 'wire_frames_total',
    help: 'Frames by what the wire did with them',
    labels: ['link', 'what'],
  },
  lists: { name: 'relists_total', help: 'Full lists of this kind', labels: ['kind'] },
  storeFailures: {
    name: 'watch_failures_total',
    help: 'Lists and watches of this kind that failed',
    labels: ['kind'],
  },
};

/** Registers the agent's gauges. */
export function openGauges(metrics: Metrics): Gauges {
  return mapValues(GAUGES, (spec) => metrics.gauge(spec));
}

/** Registers the agent's counters. */
export function openCounters(metrics: Metrics): Counters {
  return mapValues(COUNTERS, (spec) => metrics.counter(spec));
}

function mapValues<K extends string, V, W>(
  record: Readonly<Record<K, V>>,
  map: (value: V) => W,
): Record<K, W> {
  const entries = Object.entries<V>(record).map(([key, value]) => [key, map(value)]);
  return Object.fromEntries(entries);
}
