import type { Demand } from '../election/eligible.ts';
import { carriers } from '../election/eligible.ts';
import { FOREVER, type Instant, NEVER } from '../instant.ts';
import type { AddressRange, LinkName, NodeName, PublishedLink, Vip } from '../model.ts';
import { subnetContains } from '../net/ip.ts';
import type { TableEntry } from '../wire/messages.ts';
import type { WireTable } from './wires.ts';

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

/** What a node owns, and what it may soon own. */
export interface Holdings {
  readonly active: ReadonlyMap<Vip, bigint>;
  /** Since when the predecessor of each has answered no more. */
  readonly silentSince: ReadonlyMap<Vip, Instant>;
  readonly waiting: ReadonlySet<Vip>;
}

/** What the wire of each link has to know: the VIPs of the node that this link carries. */
export function tablesOf(
  { active, silentSince, waiting }: Holdings,
  demand: Demand,
  links: readonly PublishedLink[],
  node: NodeName,
): ReadonlyMap<LinkName, WireTable> {
  const carried = (vip: Vip) => {
    const adverts = demand.vips.get(vip)?.adverts.filter((advert) => advert.nodes.has(node)) ?? [];
    return carriers(vip, adverts, links).map((link) => link.name);
  };
  const tables = new Map<LinkName, { vips: TableEntry[]; waiting: Vip[] }>(
    links.map((link) => [link.name, { vips: [], waiting: [] }]),
  );
  for (const [vip, epoch] of active) {
    const names = carried(vip);
    // A RELEASE tells what came after it on its own link only (0017).
    const since = names.length > 1 ? FOREVER : (silentSince.get(vip) ?? NEVER);
    const entry = { vip, epoch: epoch.toString(), since };
    for (const name of names) tables.get(name)?.vips.push(entry);
  }
  for (const vip of waiting) {
    for (const link of carried(vip)) tables.get(link)?.waiting.push(vip);
  }
  return tables;
}
