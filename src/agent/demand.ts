import type { Advert, Demand, VipDemand } from '../election/eligible.ts';
import type {
  AddressRange,
  ClusterNode,
  EndpointSlice,
  L2Advertisement,
  NodeName,
  Pool,
  Service,
  Vip,
} from '../model.ts';
import { rangeContains } from '../net/range.ts';
import { selects } from './select.ts';

/** The well-known label that takes a node out of load balancing, whatever its value. */
export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

/**
 * Taints that say that a node is about to be emptied on purpose. Not `not-ready`, `unreachable` and
 * the like, which are guesses about a kubelet (decision 0011).
 */
const DRAIN_TAINTS: ReadonlySet<string> = new Set([
  'node.kubernetes.io/unschedulable',
  'node.kubernetes.io/out-of-service',
  'ToBeDeletedByClusterAutoscaler',
  'karpenter.sh/disrupted',
]);

/** What the API server holds, decoded, at one moment. */
export interface ClusterSnapshot {
  readonly services: readonly Service[];
  readonly endpointSlices: readonly EndpointSlice[];
  readonly nodes: readonly ClusterNode[];
  readonly pools: readonly Pool[];
  readonly advertisements: readonly L2Advertisement[];
}

/** The demand, and what an agent says about it. */
export interface ClusterDemand extends Demand {
  /** `namespace/name` of the Services behind each VIP. */
  readonly services: ReadonlyMap<Vip, readonly string[]>;
  /** Where VIPs can come from: the links that may carry them need a wire. */
  readonly ranges: readonly AddressRange[];
  /** Ingress addresses that nobody may announce, with the reason. */
  readonly refused: ReadonlyMap<Vip, string>;
}

/**
 * What the cluster asks to be announced: the ingress addresses of Services of our class that a pool
 * contains. Never `spec.externalIPs`, never an address of a node or a ClusterIP.
 */
export function demandOf(
  cluster: ClusterSnapshot,
  loadBalancerClass: string | undefined,
): ClusterDemand {
  const byVip = servicesByVip(cluster.services, loadBalancerClass);
  const taken = addressesInUse(cluster);
  const endpoints = endpointNodes(cluster.endpointSlices);
  const adverts = advertsByPool(cluster);
  const vips = new Map<Vip, VipDemand>();
  const services = new Map<Vip, readonly string[]>();
  const refused = new Map<Vip, string>();
  for (const [vip, candidates] of byVip) {
    const pool = cluster.pools.find((each) =>
      each.ranges.some((range) => rangeContains(range, vip)),
    );
    const reason = refusal(vip, pool, taken);
    if (pool === undefined || reason !== undefined) {
      refused.set(vip, reason ?? 'no pool contains it');
      continue;
    }
    const selected = adverts.get(pool.name) ?? [];
    if (selected.length === 0) refused.set(vip, `no L2Advertisement selects pool ${pool.name}`);
    const entitled = sharers(candidates);
    vips.set(vip, {
      vip,
      key: keyOf(vip, entitled),
      adverts: selected,
      endpointNodes: localNodes(entitled, endpoints),
    });
    services.set(vip, entitled.map(idOf));
  }
  const excluded = cluster.nodes.filter((node) => Object.hasOwn(node.labels, EXCLUDE_LABEL));
  return {
    vips,
    services,
    refused,
    nodes: new Set(cluster.nodes.map((node) => node.name)),
    excluded: new Set(excluded.map((node) => node.name)),
    draining: drainingNodes(cluster.nodes),
    ranges: cluster.pools.flatMap((pool) => pool.ranges),
  };
}

/** Why the VIPs of a node are to move away, or undefined: it may keep them. */
export function drainReason(node: ClusterNode): string | undefined {
  if (node.drainAsked) return 'drain asked for';
  if (node.unschedulable) return 'cordoned';
  const taint = node.taints.find((key) => DRAIN_TAINTS.has(key));
  return taint === undefined ? undefined : `taint ${taint}`;
}

function drainingNodes(nodes: readonly ClusterNode[]): ReadonlyMap<NodeName, string> {
  return new Map(
    nodes.flatMap((node): [NodeName, string][] => {
      const reason = drainReason(node);
      return reason === undefined ? [] : [[node.name, reason]];
    }),
  );
}

function servicesByVip(
  services: readonly Service[],
  loadBalancerClass: string | undefined,
): ReadonlyMap<Vip, readonly Service[]> {
  const byVip = new Map<Vip, Service[]>();
  for (const service of services) {
    if (service.type !== 'LoadBalancer' || service.deleting) continue;
    if (service.loadBalancerClass !== loadBalancerClass) continue;
    for (const vip of service.ingress) byVip.set(vip, [...(byVip.get(vip) ?? []), service]);
  }
  return byVip;
}

function refusal(
  vip: Vip,
  pool: Pool | undefined,
  taken: ReadonlyMap<string, string>,
): string | undefined {
  const owner = taken.get(vip);
  if (owner !== undefined) return `it is ${owner}`;
  if (pool === undefined) return 'no pool contains it';
  return vip.includes(':') ? 'IPv6 is not announced yet' : undefined;
}

function addressesInUse(cluster: ClusterSnapshot): ReadonlyMap<string, string> {
  const taken = new Map<string, string>();
  for (const node of cluster.nodes) {
    for (const address of node.addresses) taken.set(address, `an address of node ${node.name}`);
  }
  for (const service of cluster.services) {
    for (const address of service.clusterIps) {
      taken.set(address, `the ClusterIP of Service ${idOf(service)}`);
    }
  }
  return taken;
}

/** Of the Services on one address: the oldest, and those that share its key. */
function sharers(candidates: readonly Service[]): readonly Service[] {
  const [first, ...rest] = [...candidates].sort(byAge);
  if (first === undefined) return [];
  const { sharingKey } = first;
  if (sharingKey === undefined) return [first];
  return [first, ...rest.filter((service) => service.sharingKey === sharingKey)];
}

function byAge(a: Service, b: Service): number {
  if (a.created !== b.created) return a.created < b.created ? -1 : 1;
  return a.uid < b.uid ? -1 : 1;
}

function keyOf(vip: Vip, services: readonly Service[]): string {
  const sharingKey = services[0]?.sharingKey;
  return sharingKey === undefined ? vip : `shared/${sharingKey}`;
}

/** Nodes with a ready endpoint of a Service that asks for local ones; undefined if none does. */
function localNodes(
  services: readonly Service[],
  endpoints: ReadonlyMap<string, ReadonlySet<NodeName>>,
): ReadonlySet<NodeName> | undefined {
  const local = services.filter((service) => service.externalTrafficPolicy === 'Local');
  if (local.length === 0) return undefined;
  return new Set(local.flatMap((service) => [...(endpoints.get(idOf(service)) ?? [])]));
}

function endpointNodes(
  slices: readonly EndpointSlice[],
): ReadonlyMap<string, ReadonlySet<NodeName>> {
  const nodes = new Map<string, Set<NodeName>>();
  for (const { namespace, service, readyNodes } of slices) {
    const id = `${namespace}/${service}`;
    nodes.set(id, new Set([...(nodes.get(id) ?? []), ...readyNodes]));
  }
  return nodes;
}

function advertsByPool(cluster: ClusterSnapshot): ReadonlyMap<string, readonly Advert[]> {
  const byPool = new Map<string, Advert[]>();
  for (const advertisement of cluster.advertisements) {
    const advert = advertOf(advertisement, cluster.nodes);
    for (const pool of cluster.pools) {
      if (!advertises(advertisement, pool)) continue;
      byPool.set(pool.name, [...(byPool.get(pool.name) ?? []), advert]);
    }
  }
  return byPool;
}

function advertOf(advertisement: L2Advertisement, nodes: readonly ClusterNode[]): Advert {
  const { nodeSelectors, interfaces } = advertisement;
  const selected = nodes.filter(
    (node) =>
      nodeSelectors.length === 0 ||
      nodeSelectors.some((selector) => selects(selector, node.labels)),
  );
  return {
    nodes: new Set(selected.map((node) => node.name)),
    links: interfaces.length === 0 ? undefined : new Set(interfaces),
  };
}

function advertises(advertisement: L2Advertisement, pool: Pool): boolean {
  const { pools, poolSelectors } = advertisement;
  if (pools.length === 0 && poolSelectors.length === 0) return true;
  return (
    pools.includes(pool.name) || poolSelectors.some((selector) => selects(selector, pool.labels))
  );
}

function idOf(service: Service): string {
  return `${service.namespace}/${service.name}`;
}
