import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ALL_NODES,
  emitIpv6,
  type Ipv6Packet,
  ipv6At,
  ipv6Of,
  isMulticastIpv6,
  parseIpv6,
  putIpv6,
  UNSPECIFIED,
} from '../../src/net/ipv6.ts';

const address = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });

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
    source: ipv6Of('fe80::1'),
    destination: ALL_NODES,
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
    source: UNSPECIFIED,
    destination: ALL_NODES,
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

test('putIpv6() and ipv6At() keep an address in network order', () => {
  const bytes = new Uint8Array(17);
  putIpv6(bytes, 1, ipv6Of('2001:db8:1::100'));
  assert.equal(Buffer.from(bytes).toString('hex'), '0020010db8000100000000000000000100');
  assert.equal(ipv6At(bytes, 1), ipv6Of('2001:db8:1::100'));
});

test('ipv6Of() refuses an IPv4 address', () => {
  assert.throws(() => ipv6Of('192.0.2.1'), /IPv4 address where IPv6 is needed/);
});

test('RFC 4291 2.7: an address in ff00::/8 is multicast', () => {
  assert.equal(isMulticastIpv6(ALL_NODES), true);
  assert.equal(isMulticastIpv6(ipv6Of('fe80::1')), false);
});
