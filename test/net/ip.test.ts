import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  canonicalIp,
  compareIp,
  ipFromBigInt,
  ipToBigInt,
  rangeOf,
  subnetContains,
  subnetOf,
} from '../../src/net/ip.ts';

const v6Values = fc
  .array(fc.oneof(fc.constant(0), fc.nat({ max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n))
  .filter((value) => value >> 32n !== 0xffffn);

test('canonicalIp() spells IPv6 as the URL standard does, which follows RFC 5952', () => {
  fc.assert(
    fc.property(v6Values, (value) => {
      const long = value.toString(16).padStart(32, '0').match(/.{4}/g)?.join(':') ?? '';
      const canonical = canonicalIp(long.toUpperCase());
      assert.equal(`[${canonical}]`, new URL(`http://[${long}]`).hostname);
      assert.equal(canonicalIp(canonical ?? ''), canonical);
      assert.equal(ipToBigInt(canonical ?? '').value, value);
    }),
  );
});

test('canonicalIp() takes as IPv4 exactly what is a strict dotted quad', () => {
  const numbers = fc.nat({ max: 300 }).map(String);
  const parts = fc.oneof(numbers, fc.constantFrom('', '01', '0x1', '1e1', ' 1', '256'));
  fc.assert(
    fc.property(fc.array(parts, { minLength: 3, maxLength: 5 }), (groups) => {
      const text = groups.join('.');
      assert.equal(canonicalIp(text), isIPv4(text) ? text : undefined, text);
    }),
  );
});

const REFUSED = [
  ['a zone id', 'fe80::1%eth0'],
  ['IPv4-mapped IPv6', '::ffff:192.0.2.1'],
  ['IPv4-mapped IPv6 in hexadecimal', '::ffff:c000:201'],
  ['an octal form', '192.0.2.010'],
  ['a short form', '192.0.2'],
  ['a number', '3221225985'],
  ['a prefix', '2001:db8::1/64'],
  ['brackets', '[2001:db8::1]'],
  ['two runs of zeros', '1::2::3'],
  ['nine groups', '1:2:3:4:5:6:7:8:9'],
  ['a group of five digits', '12345::'],
  ['spaces', ' 192.0.2.1'],
  ['nothing', ''],
] as const;

for (const [name, text] of REFUSED) {
  test(`canonicalIp() refuses ${name}: "${text}"`, () =>
    assert.equal(canonicalIp(text), undefined));
}

test('ipFromBigInt() inverts ipToBigInt()', () => {
  fc.assert(
    fc.property(fc.nat({ max: 0xffffffff }), (value) => {
      const ip = ipFromBigInt(4, BigInt(value));
      assert.deepEqual(ipToBigInt(ip), { family: 4, value: BigInt(value) });
    }),
  );
  assert.throws(() => ipFromBigInt(4, 1n << 32n), RangeError);
  assert.throws(() => ipFromBigInt(6, -1n), RangeError);
});

test('subnetOf() clears the host bits, and the subnet contains the address', () => {
  fc.assert(
    fc.property(v6Values, fc.nat({ max: 128 }), (value, length) => {
      const ip = ipFromBigInt(6, value);
      assert.ok(subnetContains(subnetOf(ip, length), ip));
    }),
  );
  assert.equal(subnetOf('192.0.2.77', 26), '192.0.2.64/26');
});

test('subnetContains() keeps the families apart and knows the edges', () => {
  assert.ok(subnetContains('192.0.2.0/24', '192.0.2.255'));
  assert.ok(!subnetContains('192.0.2.0/24', '192.0.3.0'));
  assert.ok(subnetContains('0.0.0.0/0', '255.255.255.255'));
  assert.ok(!subnetContains('0.0.0.0/0', '2001:db8::1'));
  assert.ok(!subnetContains('::/0', '192.0.2.1'));
});

test('rangeOf() reads prefixes, with host bits or without, and ranges', () => {
  assert.deepEqual(rangeOf('192.0.2.7/30'), { first: '192.0.2.4', last: '192.0.2.7' });
  assert.deepEqual(rangeOf('192.0.2.1 - 192.0.2.9'), { first: '192.0.2.1', last: '192.0.2.9' });
  assert.deepEqual(rangeOf('2001:DB8::/126'), { first: '2001:db8::', last: '2001:db8::3' });
});

for (const [text, message] of [
  ['192.0.2.1', /neither a prefix nor a range; write 192\.0\.2\.1\/32/],
  ['192.0.2.0/33', /a prefix length of IPv4 is 0 to 32/],
  ['192.0.2.0/024', /not a prefix/],
  ['192.0.2.9-192.0.2.1', /ends before it starts/],
  ['192.0.2.1-2001:db8::1', /mixes IPv4 and IPv6/],
  ['host/24', /"host" is not an IP address/],
] as const) {
  test(`rangeOf() refuses "${text}" with the reason`, () => {
    assert.throws(() => rangeOf(text), { name: 'RangeError', message });
  });
}

test('compareIp() orders by value, IPv4 first', () => {
  const sorted = ['2001:db8::1', '10.0.0.10', '10.0.0.9', '::2'].toSorted(compareIp);
  assert.deepEqual(sorted, ['10.0.0.9', '10.0.0.10', '::2', '2001:db8::1']);
});
