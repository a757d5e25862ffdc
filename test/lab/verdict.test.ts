import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NdpMessage } from '../../src/ndp/message.ts';
import { ipv6Of } from '../../src/net/ipv6.ts';
import type { CapturedFrame } from './capture.ts';
import { arpReply, arpRequest, bytesOf, macOf, ndp } from './frames.ts';
import { stretchesOf, type VipRecord, verdict } from './verdict.ts';

const VIP = '192.0.2.100';
const VIP6 = '2001:db8:1::100';
const CLIENT = '192.0.2.50';
const CLIENT6 = 'fe80::50';
const END = 100_000;

const ask = (at: number, asker = CLIENT) =>
  arpRequest({ at, host: 'c1', sender: asker, target: VIP });
const answer = (at: number, host: string, to = CLIENT) =>
  arpReply({ at, host, sender: VIP, target: to });
const announce = (at: number, host: string) => arpRequest({ at, host, sender: VIP, target: VIP });
const solicit = (at: number) => {
  const message: NdpMessage = {
    kind: 'solicitation',
    target: ipv6Of(VIP6),
    sourceMac: bytesOf(macOf('c1')),
  };
  return ndp({ at, host: 'c1' }, message, {
    source: ipv6Of(CLIENT6),
    destination: ipv6Of('ff02::1:ff00:100'),
  });
};
const advertise = (at: number, host: string, destination = CLIENT6) => {
  const message: NdpMessage = {
    kind: 'advertisement',
    target: ipv6Of(VIP6),
    router: false,
    solicited: destination === CLIENT6,
    override: true,
    targetMac: bytesOf(macOf(host)),
  };
  const route = { source: ipv6Of(VIP6), destination: ipv6Of(destination) };
  return ndp({ at, host }, message, route);
};

function judged(frames: readonly CapturedFrame[], vip = VIP): VipRecord {
  const record = verdict(frames, { vips: [vip], end: END }).get(vip);
  assert.ok(record);
  return record;
}

interface Row {
  readonly name: string;
  readonly frames: readonly CapturedFrame[];
  readonly vip?: string;
  readonly expected: { answered: number; unanswered: number; doubled: number; strays: number };
}

const ROWS: readonly Row[] = [
  {
    name: 'every request answered once',
    frames: [ask(10), answer(10.2, 'n1'), ask(20), answer(20.2, 'n1')],
    expected: { answered: 2, unanswered: 0, doubled: 0, strays: 0 },
  },
  {
    name: 'every solicitation answered once',
    frames: [solicit(10), advertise(10.2, 'n1'), solicit(20), advertise(20.2, 'n1')],
    vip: VIP6,
    expected: { answered: 2, unanswered: 0, doubled: 0, strays: 0 },
  },
  {
    name: 'frames in another order than that of their times',
    frames: [answer(10.2, 'n1'), ask(10)],
    expected: { answered: 1, unanswered: 0, doubled: 0, strays: 0 },
  },
  {
    name: 'one request answered by two nodes',
    frames: [ask(10), answer(10.2, 'n1'), answer(10.3, 'n2')],
    expected: { answered: 1, unanswered: 0, doubled: 1, strays: 0 },
  },
  {
    name: 'one solicitation answered by two nodes',
    frames: [solicit(10), advertise(10.2, 'n1'), advertise(10.3, 'n2')],
    vip: VIP6,
    expected: { answered: 1, unanswered: 0, doubled: 1, strays: 0 },
  },
  {
    name: 'a handover between two requests',
    frames: [ask(10), answer(10.2, 'n1'), ask(20), answer(20.2, 'n2')],
    expected: { answered: 2, unanswered: 0, doubled: 0, strays: 0 },
  },
  {
    name: 'requests answered late and in a bunch by one node',
    frames: [ask(10), ask(20), ask(30), ...[31, 32, 33].map((at) => answer(at, 'n1'))],
    expected: { answered: 3, unanswered: 0, doubled: 0, strays: 0 },
  },
  {
    name: 'a successor that answers what it remembers of the gap',
    frames: [ask(10), answer(10.2, 'n1'), ask(20), ask(30), answer(31, 'n2'), answer(31.1, 'n2')],
    expected: { answered: 3, unanswered: 0, doubled: 0, strays: 0 },
  },
  {
    name: 'a stopped process that wakes after 20 s and answers what had queued up',
    frames: [
      ...[10, 20, 30].flatMap((at) => [ask(at), answer(at + 0.2, 'n2')]),
      ...[20_000, 20_000.1, 20_000.2].map((at) => answer(at, 'n1')),
    ],
    expected: { answered: 3, unanswered: 0, doubled: 3, strays: 0 },
  },
  {
    name: 'an answer after more than a second',
    frames: [ask(10), answer(1500, 'n1')],
    expected: { answered: 0, unanswered: 1, doubled: 0, strays: 0 },
  },
  {
    name: 'an answer that nobody asked for',
    frames: [ask(10), answer(10.2, 'n1'), answer(10.3, 'n1')],
    expected: { answered: 1, unanswered: 0, doubled: 0, strays: 1 },
  },
  {
    name: 'two clients that each get their answer from another node',
    frames: [
      ask(10),
      ask(10.1, '192.0.2.51'),
      answer(10.2, 'n1'),
      answer(10.3, 'n2', '192.0.2.51'),
    ],
    expected: { answered: 2, unanswered: 0, doubled: 0, strays: 0 },
  },
  {
    name: 'a request just before the end, which cannot be judged',
    frames: [ask(END - 10)],
    expected: { answered: 0, unanswered: 0, doubled: 0, strays: 0 },
  },
  {
    name: 'announcements, which answer nobody',
    frames: [ask(10), announce(10.2, 'n1')],
    expected: { answered: 0, unanswered: 1, doubled: 0, strays: 0 },
  },
  {
    name: 'a unicast probe to the old owner, who rightly is silent',
    frames: [
      arpRequest({ at: 10, host: 'c1', sender: CLIENT, target: VIP, delivery: 'unicast' }),
      ask(11),
      answer(11.2, 'n2'),
    ],
    expected: { answered: 1, unanswered: 0, doubled: 0, strays: 0 },
  },
  {
    name: 'RFC 5227 probes, which nobody has to answer',
    frames: [arpRequest({ at: 10, host: 'n1', sender: '0.0.0.0', target: VIP })],
    expected: { answered: 0, unanswered: 0, doubled: 0, strays: 0 },
  },
];

for (const { name, frames, vip, expected } of ROWS) {
  test(`verdict() counts ${name}`, () => {
    const record = judged(frames, vip);
    const { answered, unanswered } = record;
    const doubled = record.doubled.length;
    assert.deepEqual({ answered, unanswered, doubled, strays: record.strays.length }, expected);
  });
}

test('verdict() takes the same MAC behind two ports for two answerers', () => {
  const elsewhere = { ...answer(10.3, 'n1'), port: 'p-n9', host: 'n9' };
  assert.equal(judged([ask(10), answer(10.2, 'n1'), elsewhere]).doubled.length, 1);
});

test('verdict() tells owners in order, announcements included', () => {
  const frames = [
    announce(5, 'n1'),
    ask(10),
    answer(10.2, 'n1'),
    ask(20),
    announce(25, 'n2'),
    ask(30),
    answer(30.2, 'n2'),
  ];
  assert.deepEqual(
    judged(frames).owners.map(({ host, from, to, answers, announcements }) => ({
      host,
      from,
      to,
      answers,
      announcements,
    })),
    [
      { host: 'n1', from: 5, to: 10.2, answers: 1, announcements: 1 },
      { host: 'n2', from: 25, to: 30.2, answers: 1, announcements: 1 },
    ],
  );
});

test('verdict() names the form of every announcement', () => {
  const reply = { at: 2, host: 'n1', sender: VIP, target: VIP, targetMac: macOf('n1') };
  const record = judged([announce(1, 'n1'), arpReply({ ...reply, delivery: 'broadcast' })]);
  assert.deepEqual(
    record.announcements.map(({ form, mac, detail }) => ({ form, mac, detail })),
    [
      {
        form: 'garp-request',
        mac: macOf('n1'),
        detail: 'target hardware address 00:00:00:00:00:00, broadcast',
      },
      {
        form: 'garp-reply',
        mac: macOf('n1'),
        detail: 'target hardware address 02:00:00:00:00:01, broadcast',
      },
    ],
  );
});

test('verdict() names an unsolicited neighbour advertisement', () => {
  const [announcement] = judged([advertise(1, 'n1', 'ff02::1')], VIP6).announcements;
  assert.equal(announcement?.form, 'unsolicited-na');
  assert.equal(announcement?.detail, 'flags O, all nodes');
});

test('verdict() reports announced MACs that go back', () => {
  const frames = [announce(1, 'n1'), announce(2, 'n1'), announce(3, 'n2'), announce(4, 'n1')];
  assert.deepEqual(judged(frames).returns, [
    { at: 4, mac: macOf('n1'), host: 'n1', after: macOf('n2') },
  ]);
});

test('RFC 826: a request sent from the VIP moves caches and is an assertion', () => {
  const frame = arpRequest({ at: 1, host: 'n1', sender: VIP, target: CLIENT });
  assert.deepEqual(
    judged([frame]).assertions.map(({ form, host }) => ({ form, host })),
    [{ form: 'sender', host: 'n1' }],
  );
});

test('verdict() judges every address that occurs if none is named', () => {
  const records = verdict([ask(10), solicit(10)], { end: END });
  assert.deepEqual(new Set(records.keys()), new Set([VIP, CLIENT, VIP6, CLIENT6]));
});

test('verdict() keeps a record for a VIP of which nothing was seen', () => {
  const record = judged([]);
  assert.equal(record.longest, undefined);
  assert.deepEqual(record.owners, []);
});

test('stretchesOf() begins at the first unanswered question and ends at the next answer', () => {
  assert.deepEqual(stretchesOf([0, 10, 20, 30, 40], [0.2, 30.2, 40.2], 50), [
    { from: 0, to: 0.2, ms: 0.2, questions: 1, answeredBefore: undefined },
    { from: 10, to: 30.2, ms: 20.2, questions: 3, answeredBefore: 0.2 },
    { from: 40, to: 40.2, ms: 40.2 - 40, questions: 1, answeredBefore: 30.2 },
  ]);
});

test('stretchesOf() leaves a stretch open that no answer ended', () => {
  assert.deepEqual(stretchesOf([10, 20], [], 50), [
    { from: 10, to: undefined, ms: 40, questions: 2, answeredBefore: undefined },
  ]);
});
