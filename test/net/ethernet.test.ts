import assert from 'node:assert/strict';
import { test } from 'node:test';
import { etherTypeOf, frameOf } from '../../src/net/ethernet.ts';

const HEADER = {
  destination: Uint8Array.of(1, 2, 3, 4, 5, 6),
  source: Uint8Array.of(7, 8, 9, 10, 11, 12),
  etherType: 0x0806,
};

test('frameOf() writes destination, source and type, and zeros after them', () => {
  const frame = frameOf(HEADER, 16);
  assert.deepEqual([...frame], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 6, 0, 0]);
});

test('etherTypeOf() reads the type, and nothing from a frame without a whole header', () => {
  assert.equal(etherTypeOf(frameOf(HEADER, 14)), 0x0806);
  assert.equal(etherTypeOf(new Uint8Array(13)), undefined);
});
