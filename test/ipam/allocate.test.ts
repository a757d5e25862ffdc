import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocator, inPools } from '../../src/ipam/allocate.ts';
import type { Pool } from '../../src/model.ts';
import { rangeOf } from '../../src/net/ip.ts';

function pool(name: string, addresses: readonly string[], autoAssign = true): Pool {
  return { name, created: '', labels: {}, ranges: addresses.map(rangeOf), autoAssign };
}

function take(pools: readonly Pool[], taken: readonly string[], count: number): string[] {
  const allocate = allocator(pools, new Set(taken));
  return Array.from({ length: count }, () => {
    const allocation = allocate();
    return allocation.kind === 'allocated' ? allocation.vip : allocation.reason;
  });
}

test('allocator() goes through the pools by name, their ranges in the order given', () => {
  const pools = [
    pool('b', ['192.0.2.0/31']),
    pool('a', ['192.0.2.20-192.0.2.21', '192.0.2.10-192.0.2.10']),
  ];
  assert.deepEqual(take(pools, ['192.0.2.21'], 4), [
    '192.0.2.20',
    '192.0.2.10',
    '192.0.2.0',
    '192.0.2.1',
  ]);
});

test('allocator() never gives one address twice, though ranges overlap', () => {
  const pools = [pool('a', ['192.0.2.0/30', '192.0.2.2-192.0.2.4'])];
  assert.equal(new Set(take(pools, [], 5)).size, 5);
});

test('allocator() finds the first free address of a pool of any size at once', () => {
  const pools = [pool('a', ['2001:db8::/32', '10.0.0.0/8'])];
  assert.deepEqual(take(pools, ['10.0.0.0'], 1), ['10.0.0.1']);
});

for (const { name, pools, reason } of [
  { name: 'there is no pool', pools: [], reason: /there is no IPAddressPool/ },
  {
    name: 'no pool assigns by itself',
    pools: [pool('a', ['192.0.2.0/24'], false)],
    reason: /autoAssign: false/,
  },
  {
    name: 'all pools are full',
    pools: [pool('b', ['192.0.2.1/32']), pool('a', ['192.0.2.1/32'])],
    reason: /no free IPv4 address in a, b; add addresses/,
  },
]) {
  test(`allocator() says so when ${name}`, () => {
    assert.match(take(pools, ['192.0.2.1'], 1)[0] ?? '', reason);
  });
}

test('inPools() holds for the ends of a range and for nothing beyond', () => {
  const pools = [pool('a', ['192.0.2.8-192.0.2.9'], false), pool('b', ['2001:db8::/126'])];
  const inside = ['192.0.2.8', '192.0.2.9', '2001:db8::', '2001:db8::3'];
  const outside = ['192.0.2.7', '192.0.2.10', '2001:db8::4', '::'];
  assert.deepEqual(
    inside.map((vip) => inPools(pools, vip)),
    [true, true, true, true],
  );
  assert.deepEqual(
    outside.map((vip) => inPools(pools, vip)),
    [false, false, false, false],
  );
});
