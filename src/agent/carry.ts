import type { Demand } from '../election/eligible.ts';
import { carriers } from '../election/eligible.ts';
import type { AddressRange, LinkName, NodeName, PublishedLink, Vip } from '../model.ts';
import { subnetContains } from '../net/ip.ts';
import type { TableEntry } from '../wire/messages.ts';

/** The links that need a wire: a pool reaches into one of their subnets, or a VIP lies there. */
export function linksToServe(
  usable: readonly PublishedLink[],
  ranges: readonly AddressRange[],
  vips: Iterable<Vip>,
): readonly PublishedLink[] {
  const addresses = [...ranges.flatMap((range) => [range.first, range.last]), ...vips];
  return usable.filter((link) =>
    addresses.some((ip) => link.subnets.some((subnet) => subnetContains(subnet, ip))),
  );
}

/** What the wire of each link has to answer for: the owned VIPs that this link carries. */
export function tablesOf(
  active: ReadonlyMap<Vip, bigint>,
  demand: Demand,
  links: readonly PublishedLink[],
  node: NodeName,
): ReadonlyMap<LinkName, readonly TableEntry[]> {
  const tables = new Map<LinkName, TableEntry[]>(links.map((link) => [link.name, []]));
  for (const [vip, epoch] of active) {
    const adverts = demand.vips.get(vip)?.adverts.filter((advert) => advert.nodes.has(node)) ?? [];
    for (const link of carriers(vip, adverts, links)) {
      tables.get(link.name)?.push({ vip, epoch: epoch.toString() });
    }
  }
  return tables;
}
