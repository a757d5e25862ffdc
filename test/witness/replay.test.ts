import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accept, type ReplayGuard } from '../../src/witness/replay.ts';

const from = (number: number, bootId = 'b1', node = 'n1') => ({ node, bootId, number });

test('a number that is not higher than any before is a replay', () => {
  const guard: ReplayGuard = new Map();
  assert.notEqual(accept(guard, from(1), 10), 'replayed');
  assert.equal(accept(guard, from(1), 10), 'replayed');
  assert.equal(accept(guard, from(1), 9), 'replayed');
  assert.notEqual(accept(guard, from(1), 11), 'replayed');
});

test('numbers alone tell what is newer: incarnations may start over', () => {
  const guard: ReplayGuard = new Map();
  assert.notEqual(accept(guard, { node: 'n1', bootId: 'b' }, 5), 'replayed');
  assert.notEqual(accept(guard, { node: 'n1', bootId: 'b' }, 6), 'replayed');
  assert.equal(accept(guard, { node: 'n1', bootId: 'b' }, 6), 'replayed');
});

test('every boot of every node has numbers of its own', () => {
  const guard: ReplayGuard = new Map();
  accept(guard, from(1), 10);
  assert.notEqual(accept(guard, from(1, 'b2'), 5), 'replayed');
  assert.notEqual(accept(guard, from(1, 'b1', 'n2'), 5), 'replayed');
});

test('256 senders are remembered, those heard last; a forgotten one has to prove itself again', () => {
  const guard: ReplayGuard = new Map();
  const first = accept(guard, from(1, 'b0'), 1);
  assert.ok(first !== 'replayed');
  first.proven = true;
  for (let boot = 1; boot <= 255; boot++) accept(guard, from(1, `b${boot}`), 1);
  assert.equal(accept(guard, from(1, 'b0'), 1), 'replayed');
  accept(guard, from(1, 'b0'), 2);
  accept(guard, from(1, 'b256'), 1);
  assert.equal(guard.size, 256);
  assert.equal(accept(guard, from(1, 'b0'), 2), 'replayed', 'it was heard just now');
  const again = accept(guard, from(1, 'b1'), 1);
  assert.ok(again !== 'replayed' && !again.proven);
});
