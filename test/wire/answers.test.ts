import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emitArp, REQUEST } from '../../src/arp/packet.ts';
import { FOREVER, type Instant, instant } from '../../src/instant.ts';
import { BROADCAST_MAC, ZERO_MAC } from '../../src/net/mac.ts';
import { openAnswers } from '../../src/wire/answers.ts';

const OWN = Uint8Array.of(2, 0, 0, 0, 0, 0x0a);
const ASKER = Uint8Array.of(2, 0, 0, 0, 0, 0x0b);
const VIP = '192.0.2.100';

const request = () =>
  emitArp({
    destination: BROADCAST_MAC,
    source: ASKER,
    operation: REQUEST,
    senderMac: ASKER,
    senderIp: 0xc0000202,
    targetMac: ZERO_MAC,
    targetIp: 0xc0000264,
  });

/** Answers at a clock that is set by hand, with what they have sent and what they wait for. */
function hand() {
  const sent: string[] = [];
  const waiting: (() => void)[] = [];
  let now = instant(1000);
  const clock = {
    now: () => now,
    sleep: async () => {},
    every: () => ({ close() {} }),
    random: () => 0.5,
    wallTime: () => '',
  };
  const answers = openAnswers({
    clock,
    files: { mac: () => OWN },
    count: () => {},
    send: (_frame, key) => sent.push(key),
    isShut: () => false,
    afterInput: (callback) => waiting.push(callback),
  });
  const table = (
    vips: readonly { vip: string; epoch: string; since: Instant }[],
    waits: string[],
  ) => answers.setTable({ kind: 'table', version: 1, vips, waiting: waits });
  return {
    answers,
    table,
    at: (ms: number) => {
      now = instant(ms);
    },
    announced: () => sent.filter((key) => key.startsWith('garp_')).length,
    answered: () => sent.filter((key) => key === 'arp_answered').length,
    readAll: () => {
      for (const callback of waiting.splice(0)) callback();
    },
  };
}

test('0017: what came after the RELEASE is answered by the successor, also if it is read late', () => {
  const { answers, table, at, answered } = hand();
  table([], [VIP]);
  answers.answer(request());
  at(1010);
  table([{ vip: VIP, epoch: '1', since: instant(1000) }], []);
  answers.answer(request());
  assert.equal(answered(), 2);
  answers.close();
});

test('0017: where nobody knows since when, what is read before or right after is left unanswered', () => {
  const { answers, table, at, answered, readAll } = hand();
  const owned = [{ vip: VIP, epoch: '1', since: FOREVER }];
  table([], [VIP]);
  answers.answer(request());
  at(1010);
  table(owned, []);
  answers.answer(request());
  assert.equal(answered(), 0, 'the predecessor may have answered it');
  readAll();
  answers.answer(request());
  assert.equal(answered(), 1);
  table(owned, []);
  answers.answer(request());
  assert.equal(answered(), 2, 'the same table again takes nothing');
  answers.close();
});

test('a peer that is heard again has clients beside it that may know an older owner: all is announced', () => {
  const { answers, table, at, announced } = hand();
  table([{ vip: VIP, epoch: '1', since: FOREVER }], []);
  answers.pump();
  const first = announced();
  assert.ok(first > 0);
  at(30_000);
  answers.pump();
  const before = announced();
  answers.announceAfterGap();
  answers.pump();
  assert.equal(announced(), before + first);
  at(30_050);
  answers.announceAfterGap();
  answers.pump();
  assert.equal(announced(), before + first, 'peers that come back one after the other');
  answers.close();
});
