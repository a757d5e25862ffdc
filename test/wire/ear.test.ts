import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silencePatience } from '../../src/election/timing.ts';
import { FOREVER } from '../../src/instant.ts';
import {
  type Ear,
  echoesOf,
  hearingOf,
  listen,
  nextSilence,
  noteForeign,
  openEar,
  settleSilence,
} from '../../src/wire/ear.ts';
import { at, beat, SETTINGS, START, saying } from './witness-words.ts';

const SILENCE = silencePatience({ ...SETTINGS, beatInterval: SETTINGS.beatMs });

/** An ear that has heard two beats of `peer`, the last at 100 ms. */
function hearingEar(): Ear {
  const ear = openEar(SETTINGS, START);
  listen(ear, beat(0, undefined), at(0));
  listen(ear, beat(100, 50), at(100));
  return ear;
}

const heardOf = (ear: Ear, node = 'peer') => hearingOf(ear).peers.get(node);

test('a peer counts as heard from its second beat that echoes something of today', () => {
  const ear = openEar(SETTINGS, START);
  assert.equal(listen(ear, beat(0, 0), at(0)).kind, 'nothing', 'the first may be a recording');
  assert.equal(heardOf(ear), undefined);
  assert.equal(listen(ear, beat(100, -1), at(100)).kind, 'nothing', 'echoes an earlier wire');
  assert.equal(listen(ear, beat(200, undefined), at(200)).kind, 'nothing', 'echoes nothing');
  assert.equal(heardOf(ear), undefined);
  assert.deepEqual(listen(ear, beat(300, 0), at(300)), {
    kind: 'beat',
    node: 'peer',
    news: 'changed',
  });
  assert.equal(heardOf(ear)?.heardAt, at(300));
});

test('recorded beats of a dead peer bring nobody to life, however many', () => {
  const ear = openEar(SETTINGS, START);
  for (let ms = 0; ms < 5000; ms += 100) {
    listen(ear, beat(ms - 60_000, ms - 60_050), at(ms));
    assert.equal(heardOf(ear), undefined);
  }
});

test('once heard, a peer is believed without an echo', () => {
  const ear = hearingEar();
  listen(ear, beat(200, undefined), at(200));
  assert.equal(heardOf(ear)?.heardAt, at(200));
});

test('a peer that has booted again proves itself again; what it was stays known', () => {
  const ear = hearingEar();
  listen(ear, beat(200, undefined, { sender: 'peer/q/2' }), at(200));
  assert.equal(heardOf(ear)?.id, 'peer/p/1');
  listen(ear, beat(300, 250, { sender: 'peer/q/2' }), at(300));
  assert.equal(heardOf(ear)?.id, 'peer/q/2');
});

test('own and replayed messages change nothing', () => {
  const ear = hearingEar();
  const before = structuredClone(ear);
  const own = beat(500, 50, { sender: 'me/b/7' });
  assert.deepEqual(listen(ear, own, at(500)), { kind: 'dropped', reason: 'own' });
  assert.deepEqual(listen(ear, beat(100, 50, { leaving: true }), at(500)), {
    kind: 'dropped',
    reason: 'replayed',
  });
  assert.deepEqual(ear, before);
});

test('another machine under our name is a peer like others', () => {
  const ear = openEar(SETTINGS, START);
  listen(ear, beat(0, undefined, { sender: 'me/x/8' }), at(0));
  listen(ear, beat(100, 50, { sender: 'me/x/8' }), at(100));
  assert.equal(heardOf(ear, 'me')?.id, 'me/x/8');
});

test('of two machines under one name the later incarnation is heard, as long as it speaks', () => {
  const ear = hearingEar();
  listen(ear, beat(110, 50, { sender: 'peer/q/0' }), at(110));
  listen(ear, beat(210, 50, { sender: 'peer/q/0' }), at(210));
  assert.equal(heardOf(ear)?.id, 'peer/p/1');
  assert.deepEqual(echoesOf(ear, at(210)), [{ node: 'peer', seq: beat(100, 50).seq }]);
  listen(ear, beat(310, 50, { sender: 'peer/q/2' }), at(310));
  assert.equal(heardOf(ear)?.id, 'peer/q/2');
  listen(ear, beat(400, 50), at(400));
  assert.equal(heardOf(ear)?.id, 'peer/q/2');
  const later = 310 + SILENCE;
  listen(ear, beat(later, 50), at(later));
  assert.equal(heardOf(ear)?.id, 'peer/p/1', 'the other has fallen silent');
});

test('contact is aged from when the beat came', () => {
  const ear = openEar(SETTINGS, START);
  listen(ear, beat(0, undefined), at(0));
  listen(ear, beat(100, 50, { contactAgeMs: 700 }), at(110));
  assert.equal(heardOf(ear)?.contactAt, at(-590));
  listen(ear, beat(200, 50, { contactAgeMs: undefined }), at(210));
  assert.equal(heardOf(ear)?.contactAt, undefined);
});

test('a silence is due 325 ms after the last beat, and told once', () => {
  const ear = hearingEar();
  assert.equal(nextSilence(ear), at(425));
  assert.equal(settleSilence(ear, at(424)), false);
  assert.equal(settleSilence(ear, at(425)), true);
  assert.equal(settleSilence(ear, at(460)), false);
  assert.equal(nextSilence(ear), FOREVER);
  assert.equal(heardOf(ear)?.heardAt, at(100), 'it stays known');
  assert.equal(hearingOf(ear).asOf, at(460));
  const again = listen(ear, beat(500, 470), at(500));
  assert.ok(again.kind === 'beat' && again.news === 'back', 'that it is back is urgent');
  assert.equal(nextSilence(ear), at(825));
});

const CHANGES = [
  { name: 'its incarnation', change: { sender: 'peer/p/2' }, urgent: true },
  { name: 'that it leaves', change: { leaving: true }, urgent: true },
  { name: 'a fence', change: { fences: ['x/b/1'] }, urgent: true },
  { name: 'a vote', change: { suspects: ['x/b/1'] }, urgent: true },
  { name: 'a takeover', change: { takeovers: [{ vip: '192.0.2.1', epoch: 5n }] }, urgent: true },
  { name: 'that its contact is lost', change: { contactAgeMs: 1300 }, urgent: true },
  { name: 'an older contact that is still fresh', change: { contactAgeMs: 1299 }, urgent: false },
  { name: 'whom it hears', change: { echoes: [{ node: 'x', seq: 1 }] }, urgent: false },
];

for (const { name, change, urgent } of CHANGES) {
  test(`${name} is ${urgent ? '' : 'not '}urgent`, () => {
    const ear = hearingEar();
    const heard = listen(ear, beat(200, 150, change), at(200));
    assert.deepEqual(heard, { kind: 'beat', node: 'peer', news: urgent ? 'changed' : 'none' });
    const next = listen(ear, beat(300, 250, change), at(300));
    assert.ok(next.kind === 'beat' && next.news === 'none', 'once');
  });
}

test('copies of an utterance are told once; the same words said again are told again', () => {
  const ear = hearingEar();
  const release = { kind: 'release', vips: ['192.0.2.1'], upTo: 3 } as const;
  assert.equal(listen(ear, saying(200, 200, release), at(200)).kind, 'told');
  assert.equal(listen(ear, saying(210, 200, release), at(210)).kind, 'nothing');
  assert.equal(listen(ear, saying(220, 220, release), at(220)).kind, 'told');
  assert.equal(listen(ear, saying(230, 200, release), at(230)).kind, 'nothing', 'a late copy');
});

test('a copy that comes after a beat is told if the first was lost', () => {
  const ear = hearingEar();
  listen(ear, beat(205, 150), at(205));
  assert.equal(listen(ear, saying(210, 200, { kind: 'fence' }), at(210)).kind, 'told');
});

test('release and fence of a peer that may be a recording are told, ready is not', () => {
  const ear = openEar(SETTINGS, START);
  const ready = { kind: 'ready', to: 'me/b/7', vips: [], revision: 1n } as const;
  assert.equal(listen(ear, saying(0, 1, ready), at(0)).kind, 'nothing');
  assert.equal(listen(ear, saying(10, 2, { kind: 'fence' }), at(10)).kind, 'told');
  assert.equal(
    listen(ear, saying(20, 3, { kind: 'release', vips: [], upTo: 1 }), at(20)).kind,
    'told',
  );
});

test('everybody who is not silent is echoed, proven or not', () => {
  const ear = openEar(SETTINGS, START);
  const first = beat(0, undefined);
  listen(ear, first, at(0));
  assert.deepEqual(echoesOf(ear, at(324)), [{ node: 'peer', seq: first.seq }]);
  assert.deepEqual(echoesOf(ear, at(325)), []);
});

test('whom a peer hears is what it echoes; a list that was cut adds to the one before', () => {
  const ear = hearingEar();
  const echoes = [{ node: 'x', seq: 1 }];
  listen(ear, beat(200, undefined, { echoes, echoesCut: true }), at(200));
  assert.deepEqual(heardOf(ear)?.hears, ['x', 'me']);
  listen(ear, beat(300, undefined, { echoes }), at(300));
  assert.deepEqual(heardOf(ear)?.hears, ['x']);
});

test('any frame of another host is noted, a later one is not undone', () => {
  const ear = hearingEar();
  assert.equal(hearingOf(ear).foreignAt, at(100));
  noteForeign(ear, at(120));
  noteForeign(ear, at(50));
  assert.equal(hearingOf(ear).foreignAt, at(120));
});

test('128 peers are remembered; the one that was silent longest is forgotten first', () => {
  const ear = openEar(SETTINGS, START);
  for (let i = 0; i < 130; i++) listen(ear, beat(i, undefined, { sender: `n${i}/b/1` }), at(i));
  assert.equal(ear.peers.size, 128);
  assert.ok(!ear.peers.has('n0') && !ear.peers.has('n1') && ear.peers.has('n129'));
});
