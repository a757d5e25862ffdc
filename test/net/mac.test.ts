import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatMac, groupMacIsAt, macIsAt, parseMac } from '../../src/net/mac.ts';

test('parseMac() of formatMac() is the MAC, wherever it stands', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
      const mac = parseMac(formatMac(bytes, 2));
      assert.deepEqual(mac, bytes.slice(2));
      assert.ok(macIsAt(bytes, 2, bytes.slice(2)));
    }),
  );
});

test('formatMac() writes six lower-case pairs', () => {
  assert.equal(formatMac(Uint8Array.of(2, 0, 0, 0, 0, 0xab)), '02:00:00:00:00:ab');
});

for (const text of [
  '',
  '02:00:00:00:00',
  '02:00:00:00:00:0g',
  '2:0:0:0:0:1',
  '02-00-00-00-00-01',
]) {
  test(`parseMac() refuses "${text}"`, () => assert.equal(parseMac(text), undefined));
}

test('groupMacIsAt() knows multicast and broadcast from a single station', () => {
  const frame = Uint8Array.of(0xff, 2, 1);
  assert.deepEqual(
    [0, 1, 2].map((at) => groupMacIsAt(frame, at)),
    [true, false, true],
  );
});
