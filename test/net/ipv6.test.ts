import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipFromBigInt } from '../../src/net/ip.ts';
import {
  emitIpv6,
  type Ipv6Packet,
  ipv6At,
  ipv6ToBytes,
  isMulticastIpv6,
  parseIpv6,
} from '../../src/net/ipv6.ts';

/** Outside of ::/32, and so of the IPv4-mapped addresses, which no packet of ours carries. */
const address = fc
  .bigInt({ min: 1n << 96n, max: (1n << 128n) - 1n })
  .map((value) => ipFromBigInt(6, value));

const packet: fc.Arbitrary<Ipv6Packet> = fc.record(
  {
    source: address,
    destination: address,
    hopLimit: fc.nat(255),
    nextHeader: fc.nat(255),
    payload: fc.uint8Array({ maxLength: 100 }),
  },
  { noNullPrototype: true },
);

test('parseIpv6() reads back what emitIpv6() wrote', () => {
  fc.assert(
    fc.property(packet, (one) => {
      assert.deepEqual(parseIpv6(emitIpv6(one)), one);
    }),
  );
});

test('parseIpv6() refuses every truncation', () => {
  const bytes = emitIpv6({
    source: 'fe80::1',
    destination: 'ff02::1',
    hopLimit: 255,
    nextHeader: 58,
    payload: new Uint8Array(24),
  });
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(parseIpv6(bytes.subarray(0, length)), undefined, `${length} bytes`);
  }
});

test('parseIpv6() cuts off the padding of the frame', () => {
  const one = {
    source: '::',
    destination: 'ff02::1',
    hopLimit: 1,
    nextHeader: 58,
    payload: Uint8Array.of(7),
  };
  const padded = new Uint8Array(60);
  padded.set(emitIpv6(one));
  assert.deepEqual(parseIpv6(padded), one);
});

test('parseIpv6() refuses another version', () => {
  const bytes = new Uint8Array(40);
  bytes[0] = 0x45;
  assert.equal(parseIpv6(bytes), undefined);
});

test('ipv6ToBytes() and ipv6At() are each other’s inverse', () => {
  const bytes = ipv6ToBytes('2001:db8:1::100');
  assert.equal(Buffer.from(bytes).toString('hex'), '20010db8000100000000000000000100');
  assert.equal(ipv6At(bytes, 0), '2001:db8:1::100');
  assert.throws(() => ipv6ToBytes('192.0.2.1'), /IPv4 address where IPv6 is needed/);
});

test('RFC 4291 2.7: an address in ff00::/8 is multicast', () => {
  assert.equal(isMulticastIpv6('ff02::1'), true);
  assert.equal(isMulticastIpv6('fe80::1'), false);
  assert.equal(isMulticastIpv6('255.0.0.1'), false);
});
