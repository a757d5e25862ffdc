import assert from 'node:assert/strict';
import { test } from 'node:test';
import { icmpv6Checksum } from '../../src/ndp/checksum.ts';
import { parseIpv6 } from '../../src/net/ipv6.ts';
import { ADVERTISEMENT, DAD_SOLICITATION, SOLICITATION } from './golden.ts';

const GOLDEN = { SOLICITATION, ADVERTISEMENT, DAD_SOLICITATION };

for (const [name, bytes] of Object.entries(GOLDEN)) {
  test(`icmpv6Checksum() is 0 over the kernel’s ${name}, and gives its field when that is zero`, () => {
    const packet = parseIpv6(bytes);
    assert.ok(packet);
    const { source, destination, payload } = packet;
    assert.equal(icmpv6Checksum(source, destination, payload), 0);
    const blank = Uint8Array.from(payload);
    blank.set([0, 0], 2);
    const field = ((payload[2] ?? 0) << 8) | (payload[3] ?? 0);
    assert.equal(icmpv6Checksum(source, destination, blank), field);
  });
}

test('RFC 1071: an odd last byte counts as if a zero byte followed', () => {
  const even = icmpv6Checksum(0n, 0n, Uint8Array.of(1, 2, 3, 0));
  const odd = icmpv6Checksum(0n, 0n, Uint8Array.of(1, 2, 3));
  assert.equal(odd, even + 1, 'the length in the pseudo-header differs by one');
});
