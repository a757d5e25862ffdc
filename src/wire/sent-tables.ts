import type { Vip } from '../model.ts';

/**
 * More unacknowledged tables than this are merged: what may be answered is then overstated, never
 * understated.
 */
const MAX_UNACKED = 32;

interface SentTable {
  readonly version: number;
  readonly vips: ReadonlySet<Vip>;
}

/** The table that a wire has acknowledged last, and all that were sent to it since, in order. */
export interface SentTables {
  readonly acked: SentTable;
  readonly unacked: readonly SentTable[];
}

export const NOTHING_SENT: SentTables = { acked: { version: 0, vips: new Set() }, unacked: [] };

/** After sending a table. Versions only grow. */
export function sent(tables: SentTables, version: number, vips: Iterable<Vip>): SentTables {
  const unacked = [...tables.unacked, { version, vips: new Set(vips) }];
  const [oldest, next, ...rest] = unacked;
  if (unacked.length <= MAX_UNACKED || oldest === undefined || next === undefined) {
    return { acked: tables.acked, unacked };
  }
  const merged = { version: next.version, vips: oldest.vips.union(next.vips) };
  return { acked: tables.acked, unacked: [merged, ...rest] };
}

/** After the wire has said that this version is in force: the older ones are history. */
export function acknowledged(tables: SentTables, version: number): SentTables {
  const acked = tables.unacked.find((table) => table.version === version);
  if (acked === undefined) return tables;
  return { acked, unacked: tables.unacked.filter((table) => table.version > version) };
}

/** Every VIP that the wire could be answering for, whichever of the tables it has reached. */
export function mayAnswer({ acked, unacked }: SentTables): ReadonlySet<Vip> {
  let vips = acked.vips;
  for (const table of unacked) vips = vips.union(table.vips);
  return vips;
}
