import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gratuitous } from '../../src/arp/gratuitous.ts';

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 0x0a);
const VIP = 0xc0000264;
const hex = (frame: Uint8Array) => Buffer.from(frame).toString('hex');

test('RFC 5227 2.3: an ARP Announcement is identical to the ARP Probe, except that now the sender and target IP addresses are both set', () => {
  assert.equal(
    hex(gratuitous('request', VIP, MAC)),
    // Ethernet header, then hrd pro hln pln op, sha, spa, tha = 0, tpa
    'ffffffffffff02000000000a0806' +
      '0001080006040001' +
      '02000000000ac0000264' +
      '000000000000c0000264',
  );
});

test('the reply form goes to everybody and carries our own MAC as target', () => {
  assert.equal(
    hex(gratuitous('reply', VIP, MAC)),
    'ffffffffffff02000000000a0806' +
      '0001080006040002' +
      '02000000000ac0000264' +
      '02000000000ac0000264',
  );
});
