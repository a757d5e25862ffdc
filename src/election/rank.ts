import HashRing from 'hashring';
import type { NodeName } from '../model.ts';

/**
 * Points of each server on the ring. It must differ from the library's default count (40): only then it
 * is taken as it is, whatever the number of servers, and a node that leaves moves no keys but its own.
 */
const VNODES = 100;
/** Orders remembered by one ring. */
const MEMORY_LIMIT = 20_000;
/** All pairs of 32 speakers. */
const PAIRS_LIMIT = 496;

/** Rings of two: to build one takes 0.4 ms, and every contested VIP asks for one. */
const pairs = new Map<string, Ring>();

/** The order of a fixed set of nodes for any key. */
export interface Ring {
  readonly nodes: readonly NodeName[];
  /** All nodes, the one that should ask first. Never depends on who is alive or eligible. */
  order(key: string): readonly NodeName[];
}

/** The hash ring over `nodes`, in whatever order they are given. */
export function ringOf(nodes: Iterable<NodeName>): Ring {
  const sorted = [...new Set(nodes)].sort();
  const servers = Object.fromEntries(sorted.map((node) => [node, { vnodes: VNODES }]));
  const ring = new HashRing(servers, 'md5', { 'max cache size': 1 });
  const remembered = new Map<string, readonly NodeName[]>();
  return {
    nodes: sorted,
    order(key) {
      const known = remembered.get(key);
      if (known !== undefined) return known;
      const order = sorted.length === 0 ? [] : ring.range(key);
      if (remembered.size >= MEMORY_LIMIT) remembered.clear();
      remembered.set(key, order);
      return order;
    },
  };
}

/**
 * Whether `a` comes before `b` for `key`. Walking a ring, the order of two servers is that of their first
 * points after the key, whoever else stands on it: so any two nodes agree on it without agreeing on a set.
 */
export function outranks(a: NodeName, b: NodeName, key: string): boolean {
  return pairOf(a, b).order(key)[0] === a;
}

function pairOf(a: NodeName, b: NodeName): Ring {
  const name = a < b ? `${a}/${b}` : `${b}/${a}`;
  const known = pairs.get(name);
  if (known !== undefined) return known;
  if (pairs.size >= PAIRS_LIMIT) pairs.clear();
  const pair = ringOf([a, b]);
  pairs.set(name, pair);
  return pair;
}
