import type { AddressRange, Pool, Vip } from '../model.ts';
import { ipFromBigInt, ipToBigInt } from '../net/ip.ts';

/** An address for a Service, or in one sentence why there is none. */
export type Allocation =
  | { readonly kind: 'allocated'; readonly vip: Vip; readonly pool: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** The addresses that are in use. */
export interface Taken {
  has(vip: Vip): boolean;
}

/**
 * Hands out the free IPv4 addresses one after the other: pools by name, their ranges in the order
 * of the object. All calls
 * together look at no more addresses than are taken or handed out, however big the pools are.
 */
export function allocator(pools: readonly Pool[], taken: Taken): () => Allocation {
  const open = pools.filter((pool) => pool.autoAssign).sort(byName);
  const free = freeAddresses(open, taken);
  const given = new Set<Vip>();
  return () => {
    for (;;) {
      const { value, done } = free.next();
      if (done) return { kind: 'refused', reason: refusal(pools, open) };
      // Ranges may overlap.
      if (given.has(value.vip)) continue;
      given.add(value.vip);
      return { kind: 'allocated', ...value };
    }
  };
}

/** Whether one of the pools holds the address. */
export function inPools(pools: Iterable<Pool>, vip: Vip): boolean {
  const { family, value } = ipToBigInt(vip);
  for (const pool of pools) {
    for (const range of pool.ranges) {
      const first = ipToBigInt(range.first);
      const last = ipToBigInt(range.last);
      if (first.family === family && first.value <= value && value <= last.value) return true;
    }
  }
  return false;
}

function* freeAddresses(
  pools: readonly Pool[],
  taken: Taken,
): Generator<{ vip: Vip; pool: string }, undefined> {
  for (const pool of pools) {
    for (const range of pool.ranges) {
      for (const vip of addressesOf(range)) if (!taken.has(vip)) yield { vip, pool: pool.name };
    }
  }
}

function* addressesOf(range: AddressRange): Generator<Vip> {
  const { family, value: first } = ipToBigInt(range.first);
  if (family !== 4) return;
  const { value: last } = ipToBigInt(range.last);
  for (let value = first; value <= last; value += 1n) yield ipFromBigInt(4, value);
}

function refusal(pools: readonly Pool[], open: readonly Pool[]): string {
  if (pools.length === 0) return 'there is no IPAddressPool; create one';
  if (open.length === 0) return 'every IPAddressPool has autoAssign: false';
  const names = open.map((pool) => pool.name).join(', ');
  return `no free IPv4 address in ${names}; add addresses to a pool`;
}

function byName(a: Pool, b: Pool): number {
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}
