import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cap, place, type Seat } from '../../src/election/place.ts';
import { ringOf } from '../../src/election/rank.ts';

const NODES = ['n1', 'n2', 'n3'];
const ring = ringOf(NODES);

function seat(index: number, rest: Partial<Seat> = {}): Seat {
  const vip = `10.0.${Math.floor(index / 250)}.${index % 250}`;
  return { vip, key: vip, eligible: new Set(NODES), claimedBy: undefined, ...rest };
}

function loads(placed: ReadonlyMap<string, string>): number[] {
  return NODES.map((node) => [...placed.values()].filter((owner) => owner === node).length);
}

test('the cap of a node is ceil(1.1 * V / N), without the rounding errors of 1.1', () => {
  assert.equal(cap(300, 3), 110);
  assert.equal(cap(1, 3), 1);
  assert.equal(cap(10, 1), 11);
});

test('300 VIPs over 3 nodes: nobody owns more than ceil(1.1 * V / N)', () => {
  const seats = Array.from({ length: 300 }, (_, i) => seat(i));
  const placed = place(seats, 3, ring.order);
  assert.equal(placed.size, 300);
  for (const load of loads(placed)) assert(load <= 110, `${load}`);
});

test('a live claim stays where it is, however full its node', () => {
  const seats = Array.from({ length: 30 }, (_, i) => seat(i, { claimedBy: 'n1' }));
  assert.deepEqual(loads(place(seats, 3, ring.order)), [30, 0, 0]);
});

test('if all eligible nodes are full, the first in rank takes the VIP all the same', () => {
  const claimed = Array.from({ length: 9 }, (_, i) => seat(i, { claimedBy: 'n2' }));
  const open = seat(9, { eligible: new Set(['n2']) });
  assert.equal(place([...claimed, open], 3, ring.order).get(open.vip), 'n2');
});

test('a VIP without an eligible node is left out', () => {
  assert.equal(place([seat(0, { eligible: new Set() })], 3, ring.order).size, 0);
});

test('every node computes the same placement, in whatever order it holds the VIPs', () => {
  const seats = Array.from({ length: 40 }, (_, i) => seat(i));
  const expected = place(seats, 3, ring.order);
  fc.assert(
    fc.property(fc.shuffledSubarray(seats, { minLength: 40 }), (shuffled) => {
      const placed = place(shuffled, 3, ring.order);
      for (const [vip, node] of expected) assert.equal(placed.get(vip), node);
    }),
  );
});
