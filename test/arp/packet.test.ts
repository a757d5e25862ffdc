import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ArpPacket, emitArp, parseArp, REPLY, REQUEST } from '../../src/arp/packet.ts';

/** Sent by the Linux kernel (arping -c 1 192.0.2.100), as tcpdump -xx printed it. */
const KERNEL_REQUEST = Buffer.from(
  'ffffffffffff02000000000b0806000108000604000102000000000bc0000202ffffffffffffc0000264',
  'hex',
);

const macs = fc.uint8Array({ minLength: 6, maxLength: 6 });
const ips = fc.nat({ max: 0xffffffff });
const packets: fc.Arbitrary<ArpPacket> = fc.record(
  {
    destination: macs,
    source: macs,
    operation: fc.constantFrom(REQUEST, REPLY),
    senderMac: macs,
    senderIp: ips,
    targetMac: macs,
    targetIp: ips,
  },
  { noNullPrototype: true },
);

test('parseArp() reads a request of the Linux kernel', () => {
  assert.deepEqual(parseArp(KERNEL_REQUEST), {
    destination: Uint8Array.of(255, 255, 255, 255, 255, 255),
    source: Uint8Array.of(2, 0, 0, 0, 0, 11),
    operation: REQUEST,
    senderMac: Uint8Array.of(2, 0, 0, 0, 0, 11),
    senderIp: 0xc0000202,
    targetMac: Uint8Array.of(255, 255, 255, 255, 255, 255),
    targetIp: 0xc0000264,
  });
});

test('emitArp() writes the bytes that the Linux kernel writes', () => {
  const packet = parseArp(KERNEL_REQUEST);
  assert.ok(typeof packet !== 'string');
  assert.deepEqual(Buffer.from(emitArp(packet)), KERNEL_REQUEST);
});

test('parseArp() of emitArp() is the packet, whatever padding follows', () => {
  fc.assert(
    fc.property(packets, fc.uint8Array({ maxLength: 40 }), (packet, padding) => {
      assert.deepEqual(parseArp(Buffer.concat([emitArp(packet), padding])), packet);
    }),
  );
});

test('parseArp() refuses every truncation', () => {
  for (let length = 0; length < 42; length++) {
    assert.equal(parseArp(KERNEL_REQUEST.subarray(0, length)), 'truncated', `${length} bytes`);
  }
});

const FAULTS = [
  {
    rule: 'RFC 826: ?Do I have the hardware type in ar$hrd?',
    at: 15,
    value: 6,
    fault: 'not_ethernet_ipv4',
  },
  {
    rule: 'RFC 826: ?Do I speak the protocol in ar$pro?',
    at: 16,
    value: 0x86,
    fault: 'not_ethernet_ipv4',
  },
  {
    rule: 'RFC 826: [optionally check the hardware length ar$hln]',
    at: 18,
    value: 8,
    fault: 'not_ethernet_ipv4',
  },
  {
    rule: 'RFC 826: [optionally check the protocol length ar$pln]',
    at: 19,
    value: 16,
    fault: 'not_ethernet_ipv4',
  },
  { rule: 'the operation is neither request nor reply', at: 21, value: 3, fault: 'bad_operation' },
  { rule: 'the operation has a high byte', at: 20, value: 1, fault: 'bad_operation' },
  { rule: 'the EtherType is not that of ARP', at: 13, value: 0x00, fault: 'not_arp' },
];

for (const { rule, at, value, fault } of FAULTS) {
  test(`parseArp() refuses: ${rule}`, () => {
    const frame = Buffer.from(KERNEL_REQUEST);
    frame[at] = value;
    assert.equal(parseArp(frame), fault);
  });
}
