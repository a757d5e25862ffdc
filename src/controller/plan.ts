import { allocator, inPools } from '../ipam/allocate.ts';
import type { ClusterNode, Pool, Service, Vip } from '../model.ts';

export interface World {
  readonly services: Iterable<Service>;
  readonly pools: Iterable<Pool>;
  /** Their addresses are never given to a Service, whatever a pool says. */
  readonly nodes: Iterable<ClusterNode>;
  /** Only Services of this class are ours; undefined: only those without a class. */
  readonly loadBalancerClass: string | undefined;
  /**
   * Addresses by `namespace/name` that were written to a status without our having seen the effect:
   * nobody else may get
   * them, and the Service gets the same one again.
   */
  readonly intended: ReadonlyMap<string, Vip>;
}

export interface Plan {
  readonly writes: readonly StatusWrite[];
  /** Services that wait for an address, by `namespace/name`, with the reason. */
  readonly refusals: ReadonlyMap<string, string>;
}

/** One status to write, provided that the Service is still at the revision that was looked at. */
export interface StatusWrite {
  readonly service: string;
  readonly resourceVersion: string;
  /** Undefined: the Service is not to have any. */
  readonly vip: Vip | undefined;
  /** For the log. */
  readonly reason: string;
}

/**
 * Which statuses to write, so that every Service of ours has an address of its own and keeps the
 * one that it has.
 */
export function plan(world: World): Plan {
  const pools = [...world.pools];
  const services = byAge(world.services);
  const holders = holdersOf(services);
  const wanting = services.filter((service) => isOurs(service, world) && !service.deleting);
  const ousted = new Map(wanting.flatMap((service) => oustedBy(service, holders)));
  const intended = new Set(world.intended.values());
  const taken = new Set([
    ...services.flatMap((service) => service.clusterIps),
    ...[...world.nodes].flatMap((node) => node.addresses),
  ]);
  const allocate = allocator(pools, {
    has: (vip) => holders.has(vip) || intended.has(vip) || taken.has(vip),
  });
  const refusals = new Map<string, string>();
  const writes = services.flatMap((service) => stale(service, pools));
  for (const service of wanting) {
    const key = keyOf(service);
    const rival = ousted.get(service);
    if (service.ingress.length > 0 && rival === undefined) continue;
    if (service.ipFamilies.length > 0 && !service.ipFamilies.includes('IPv4')) {
      refusals.set(key, 'it asks for IPv6 only, and IPv6 addresses are not handed out yet');
      continue;
    }
    const again = world.intended.get(key);
    const allocation =
      again !== undefined && !holders.has(again)
        ? { kind: 'allocated' as const, vip: again, pool: 'as intended before' }
        : allocate();
    if (allocation.kind === 'refused') {
      refusals.set(key, allocation.reason);
      continue;
    }
    const reason = rival === undefined ? `from pool ${allocation.pool}` : `${rival} is older`;
    writes.push(writeOf(service, allocation.vip, reason));
  }
  return { writes, refusals };
}

/** `namespace/name`. */
export function keyOf(service: Service): string {
  return `${service.namespace}/${service.name}`;
}

function isOurs(service: Service, { loadBalancerClass }: World): boolean {
  return service.type === 'LoadBalancer' && service.loadBalancerClass === loadBalancerClass;
}

/** Which Services have which address, the oldest first. Whatever has one counts, ours or not. */
function holdersOf(services: readonly Service[]): ReadonlyMap<Vip, readonly Service[]> {
  const holders = new Map<Vip, Service[]>();
  for (const service of services) {
    for (const vip of service.ingress) {
      const others = holders.get(vip);
      if (others === undefined) holders.set(vip, [service]);
      else others.push(service);
    }
  }
  return holders;
}

/** The older Service with the same address, unless both have agreed on sharing it. */
function oustedBy(
  service: Service,
  holders: ReadonlyMap<Vip, readonly Service[]>,
): readonly [Service, string][] {
  const first = service.ingress.flatMap((vip) => holders.get(vip)?.[0] ?? []);
  const rival = first.find((other) => other !== service && !sharing(service, other));
  return rival === undefined ? [] : [[service, keyOf(rival)]];
}

function sharing(a: Service, b: Service): boolean {
  return a.sharingKey !== undefined && a.sharingKey === b.sharingKey;
}

/**
 * A Service that is no load balancer any more, with an address of ours still in its status. Other
 * classes are left
 * alone: a class never changes while the type stays, so it is another controller that writes there.
 */
function stale(service: Service, pools: readonly Pool[]): readonly StatusWrite[] {
  if (service.type === 'LoadBalancer') return [];
  if (!service.ingress.some((vip) => inPools(pools, vip))) return [];
  return [writeOf(service, undefined, `its type is ${service.type} now`)];
}

function writeOf(service: Service, vip: Vip | undefined, reason: string): StatusWrite {
  return { service: keyOf(service), resourceVersion: service.resourceVersion, vip, reason };
}

/** Age decides, then the name: the same for every order in which Services are listed. */
function byAge(services: Iterable<Service>): readonly Service[] {
  return [...services]
    .map((service) => ({ service, age: `${service.created} ${keyOf(service)}` }))
    .sort((a, b) => (a.age < b.age ? -1 : 1))
    .map(({ service }) => service);
}
