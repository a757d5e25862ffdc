import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyRing } from '../../src/sys/seal.ts';
import { CLUSTER_UID, KEY, KEY_ID, RING, TAG } from '../witness/vectors.ts';

test('key id and tag are those that Python computes', () => {
  const [seal] = RING.seals;
  assert.equal(seal?.keyId, KEY_ID);
  assert.equal(Buffer.from(seal?.tag(Buffer.from('witness')) ?? []).toString('hex'), TAG);
});

test('a cluster without a UID is refused, with what to take', () => {
  assert.throws(() => keyRing([KEY], 'prod'), /"prod" is not the UID of a cluster; take that of/);
  assert.equal(keyRing([KEY, KEY], CLUSTER_UID).seals.length, 2);
});
