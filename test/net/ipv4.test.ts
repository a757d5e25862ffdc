import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4, ipv4At, ipv4ToBytes, parseIpv4, putIpv4 } from '../../src/net/ipv4.ts';

test('text, number and bytes of an IPv4 address are the same address', () => {
  fc.assert(
    fc.property(fc.nat({ max: 0xffffffff }), (value) => {
      const text = formatIpv4(value);
      assert.equal(parseIpv4(text), value);
      assert.equal(ipv4At(ipv4ToBytes(text), 0), value);
      const bytes = new Uint8Array(6);
      putIpv4(bytes, 1, value);
      assert.equal(ipv4At(bytes, 1), value);
    }),
  );
});

test('ipv4ToBytes() names what it refuses', () => {
  assert.throws(() => ipv4ToBytes('10.0.0'), { name: 'RangeError', message: /"10\.0\.0"/ });
});
