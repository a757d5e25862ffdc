import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ArpPacket, emitArp, parseArp, REPLY, REQUEST } from '../../src/arp/packet.ts';
import { respond } from '../../src/arp/respond.ts';
import { BROADCAST_MAC, ZERO_MAC } from '../../src/net/mac.ts';

const OWN = Uint8Array.of(2, 0, 0, 0, 0, 0x0a);
const ASKER = Uint8Array.of(2, 0, 0, 0, 0, 0x0b);
const STRANGER = Uint8Array.of(2, 0, 0, 0, 0, 0x0c);
const VIP = 0xc0000264;
const TABLE = new Set([VIP]);

const REQUEST_PACKET: ArpPacket = {
  destination: BROADCAST_MAC,
  source: ASKER,
  operation: REQUEST,
  senderMac: ASKER,
  senderIp: 0xc0000202,
  targetMac: ZERO_MAC,
  targetIp: VIP,
};

const ask = (change: Partial<ArpPacket> = {}) =>
  respond(Buffer.from(emitArp({ ...REQUEST_PACKET, ...change })), TABLE, OWN);

const parsed = (reply: ReturnType<typeof respond>) => {
  assert.ok(typeof reply !== 'string', `dropped: ${reply}`);
  return parseArp(reply);
};

const REPLY_PACKET: ArpPacket = {
  destination: ASKER,
  source: OWN,
  operation: REPLY,
  senderMac: OWN,
  senderIp: VIP,
  targetMac: ASKER,
  targetIp: 0xc0000202,
};

test('RFC 826: Swap hardware and protocol fields, putting the local hardware and protocol addresses in the sender fields', () => {
  assert.deepEqual(parsed(ask()), REPLY_PACKET);
});

test('RFC 826: Send the packet to the (new) target hardware address', () => {
  assert.deepEqual(parsed(ask({ senderMac: STRANGER })), {
    ...REPLY_PACKET,
    destination: STRANGER,
    targetMac: STRANGER,
  });
});

test('RFC 5227 2.1.1: a probe, whose sender IP address is all zero, for an owned VIP is answered', () => {
  assert.deepEqual(parsed(ask({ senderIp: 0 })), { ...REPLY_PACKET, targetIp: 0 });
});

test('RFC 1122 2.3.2.1: a unicast poll of an entry in a cache is answered', () => {
  assert.deepEqual(parsed(ask({ destination: OWN, targetMac: OWN })), REPLY_PACKET);
});

test('the reply is 42 bytes however long the padding is, and does not touch the request', () => {
  const request = Buffer.concat([emitArp(REQUEST_PACKET), Buffer.alloc(18, 0xee)]);
  const before = Buffer.from(request);
  const reply = respond(request, TABLE, OWN);
  assert.equal(reply.length, 42);
  assert.deepEqual(request, before);
});

const DROPS: readonly { name: string; change: Partial<ArpPacket>; drop: string }[] = [
  {
    name: 'RFC 826: ?Is the opcode ares_op$REQUEST?',
    change: { operation: REPLY },
    drop: 'not_request',
  },
  { name: 'an address that we do not own', change: { targetIp: VIP + 1 }, drop: 'not_owned' },
  { name: 'a frame that we sent ourselves', change: { source: OWN }, drop: 'own_frame' },
  { name: 'our own MAC as sender', change: { senderMac: OWN }, drop: 'own_frame' },
  {
    name: 'a unicast to another station, which a promiscuous socket shows',
    change: { destination: STRANGER },
    drop: 'not_to_us',
  },
  {
    name: 'a multicast destination',
    change: { destination: Uint8Array.of(1, 0, 0x5e, 0, 0, 1) },
    drop: 'not_to_us',
  },
  {
    name: 'RFC 5227 2.3: an ARP Announcement, by another station',
    change: { senderIp: VIP },
    drop: 'announcement',
  },
  {
    name: 'a sender whose MAC is the broadcast',
    change: { senderMac: BROADCAST_MAC },
    drop: 'bad_sender',
  },
];

for (const { name, change, drop } of DROPS) {
  test(`respond() drops ${name}`, () => assert.equal(ask(change), drop));
}

test('respond() takes any bytes without throwing, and answers none that is not for an owned VIP', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      assert.equal(typeof respond(bytes, TABLE, OWN), 'string');
    }),
  );
});
