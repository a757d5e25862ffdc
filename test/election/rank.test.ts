import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { outranks, ringOf } from '../../src/election/rank.ts';

const names = (count: number) => Array.from({ length: count }, (_, i) => `node-${i}`);
const keys = Array.from({ length: 200 }, (_, i) => `192.0.2.${i}`);

test('the order of the others stays when a node leaves, for every size up to 60', () => {
  for (let count = 2; count <= 60; count += 1) {
    const all = ringOf(names(count));
    const fewer = ringOf(names(count - 1));
    for (const key of keys.slice(0, 20)) {
      const left = all.order(key).filter((name) => name !== `node-${count - 1}`);
      assert.deepEqual(fewer.order(key), left, `${count} nodes, key ${key}`);
    }
  }
});

test('rank does not depend on the order in which nodes are given', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(names(8), { minLength: 8 }), (shuffled) => {
      assert.deepEqual(ringOf(shuffled).order('192.0.2.7'), ringOf(names(8)).order('192.0.2.7'));
    }),
  );
});

test('any two nodes agree on who comes first, whoever else is on the ring', () => {
  const ring = ringOf(names(9));
  for (const key of keys) {
    const order = ring.order(key);
    assert.equal(
      outranks('node-3', 'node-7', key),
      order.indexOf('node-3') < order.indexOf('node-7'),
      key,
    );
  }
});

test('an empty ring ranks nobody', () => {
  assert.deepEqual(ringOf([]).order('192.0.2.1'), []);
});
