import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseArp, REQUEST } from '../../src/arp/packet.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { questionsFor } from '../../src/wire/questions.ts';

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const OWN = [
  { ip: '192.0.2.11', prefixLength: 24 },
  { ip: '198.51.100.11', prefixLength: 25 },
];

test('each is asked for by a broadcast request from our own address on its subnet', () => {
  const frames = questionsFor(['192.0.2.12', '198.51.100.12'], OWN, MAC);
  const packets = frames.map((frame) => parseArp(frame));
  assert.deepEqual(
    packets,
    [
      ['192.0.2.11', '192.0.2.12'],
      ['198.51.100.11', '198.51.100.12'],
    ].map(([from = '', to = '']) => ({
      destination: new Uint8Array(6).fill(255),
      source: MAC,
      operation: REQUEST,
      senderMac: MAC,
      senderIp: parseIpv4(from),
      targetMac: new Uint8Array(6),
      targetIp: parseIpv4(to),
    })),
  );
});

test('what is on no subnet of ours, of the other family or no address is not asked for', () => {
  const others = ['203.0.113.1', '198.51.100.200', '2001:db8::1', '', 'n2'];
  assert.deepEqual(questionsFor(others, OWN, MAC), []);
});

test('nobody is asked for twice, and no more than eight at a time', () => {
  assert.equal(questionsFor(['192.0.2.12', '192.0.2.12'], OWN, MAC).length, 1);
  const many = Array.from({ length: 100 }, (_, i) => `192.0.2.${100 + i}`);
  assert.equal(questionsFor(many, OWN, MAC).length, 8);
});
