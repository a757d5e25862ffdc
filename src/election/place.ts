import type { NodeName, Vip } from '../model.ts';

/** How far above its even share a node may be loaded before it is passed over, in tenths. */
const SLACK_TENTHS = 11;

export interface Seat {
  readonly vip: Vip;
  readonly key: string;
  /** Live nodes that may own it, in any order. */
  readonly eligible: ReadonlySet<NodeName>;
  /** The live node whose claim stands, if any: it keeps the VIP. */
  readonly claimedBy: NodeName | undefined;
}

/**
 * Who should own each VIP: consistent hashing with bounded loads. A claimed VIP stays; of the others, in
 * the order of their addresses, each goes to the first eligible node in rank that is not full, and if
 * all are full to the first in rank. VIPs without an eligible node are left out.
 */
export function place(
  seats: readonly Seat[],
  speakers: number,
  order: (key: string) => readonly NodeName[],
): ReadonlyMap<Vip, NodeName> {
  const placed = new Map<Vip, NodeName>();
  const load = new Map<NodeName, number>();
  const give = (vip: Vip, node: NodeName) => {
    placed.set(vip, node);
    load.set(node, (load.get(node) ?? 0) + 1);
  };
  const wanted = seats.filter((seat) => seat.eligible.size > 0);
  const full = cap(wanted.length, speakers);
  for (const seat of seats) {
    if (seat.claimedBy !== undefined) give(seat.vip, seat.claimedBy);
  }
  const open = wanted.filter((seat) => seat.claimedBy === undefined);
  for (const seat of open.sort((a, b) => (a.vip < b.vip ? -1 : 1))) {
    const ranked = order(seat.key).filter((node) => seat.eligible.has(node));
    const first = ranked[0];
    if (first === undefined) continue;
    give(seat.vip, ranked.find((node) => (load.get(node) ?? 0) < full) ?? first);
  }
  return placed;
}

/** The number of VIPs at which a node counts as full: `ceil(1.1 * vips / nodes)`. */
export function cap(vips: number, nodes: number): number {
  return nodes === 0 ? 0 : Math.ceil((SLACK_TENTHS * vips) / (10 * nodes));
}
