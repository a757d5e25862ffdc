import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gratuitous } from '../../src/arp/gratuitous.ts';
import { parseArp, REQUEST } from '../../src/arp/packet.ts';
import { arpProbe, saidBy } from '../../src/arp/probe.ts';
import { respond } from '../../src/arp/respond.ts';
import { BROADCAST_MAC, parseMac, ZERO_MAC } from '../../src/net/mac.ts';

const VIP = 0xc0000264;
const MINE = parseMac('02:00:00:00:00:0a') ?? ZERO_MAC;
const THEIRS = parseMac('02:00:00:00:00:0b') ?? ZERO_MAC;

test('RFC 5227 2.1.1: a probe is a request to all, from nobody', () => {
  assert.deepEqual(parseArp(arpProbe(VIP, MINE)), {
    destination: BROADCAST_MAC,
    source: MINE,
    operation: REQUEST,
    senderMac: MINE,
    senderIp: 0,
    targetMac: ZERO_MAC,
    targetIp: VIP,
  });
});

test('an owner answers a probe, and the answer says where the address is', () => {
  const answer = respond(arpProbe(VIP, MINE), new Set([VIP]), THEIRS);
  assert(typeof answer !== 'string');
  assert.deepEqual(saidBy(answer, MINE), { ip: VIP, mac: '02:00:00:00:00:0b' });
});

test('RFC 5227 2.1.1: an announcement of another host says so too; a probe of its says nothing', () => {
  for (const form of ['request', 'reply'] as const) {
    const said = saidBy(gratuitous(form, VIP, THEIRS), MINE);
    assert.deepEqual(said, { ip: VIP, mac: '02:00:00:00:00:0b' });
  }
  assert.equal(saidBy(arpProbe(VIP, THEIRS), MINE), undefined);
  assert.equal(saidBy(gratuitous('reply', VIP, MINE), MINE), undefined, 'our own frame');
  assert.equal(saidBy(new Uint8Array(20), MINE), undefined);
});
