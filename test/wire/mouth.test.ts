import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FOREVER, instant } from '../../src/instant.ts';
import { seqAt } from '../../src/wire/ear.ts';
import { type Mouth, openMouth, setContent, speak, speakAt, utter } from '../../src/wire/mouth.ts';
import type { WitnessMessage } from '../../src/witness/message.ts';
import { at, CONTENT, START } from './witness-words.ts';

const nobody = () => [];

/** What is said up to `ms`, spoken whenever it is due, with permits every 50 ms. */
function run(mouth: Mouth, ms: number): { ms: number; message: WitnessMessage }[] {
  const said: { ms: number; message: WitnessMessage }[] = [];
  let now = START;
  for (let tick = START; tick <= at(ms); ) {
    now = instant(Math.min(tick, Math.max(now, speakAt(mouth))));
    if (now === tick) {
      if (mouth.content !== null) setContent(mouth, mouth.content, now, now);
      tick = at(tick - START + 50);
    }
    assert.ok(said.length < 1000, 'it speaks without end');
    for (const message of speak(mouth, nobody, now)) said.push({ ms: now - START, message });
  }
  return said;
}

function speaking(): Mouth {
  const mouth = openMouth(100);
  setContent(mouth, CONTENT, START, START);
  return mouth;
}

test('nothing is said before the first permit', () => {
  const mouth = openMouth(100);
  assert.equal(speakAt(mouth), FOREVER);
  utter(mouth, { kind: 'fence' }, START);
  assert.deepEqual(speak(mouth, nobody, START), []);
});

test('beats come at once and then every 100 ms', () => {
  const times = run(speaking(), 1000).map(({ ms }) => ms);
  assert.deepEqual(times, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
});

test('after a stall the grid goes on: one beat, no burst', () => {
  const mouth = speaking();
  speak(mouth, nobody, START);
  setContent(mouth, CONTENT, at(730), at(730));
  assert.equal(speak(mouth, nobody, at(730)).length, 1);
  assert.equal(speakAt(mouth), at(800));
  assert.equal(speak(mouth, nobody, at(735)).length, 0);
});

test('the age of the contact grows from when the agent told it', () => {
  const mouth = speaking();
  const [message] = speak(mouth, nobody, at(40));
  assert.ok(message?.kind === 'beat');
  assert.equal(message.contactAgeMs, 240);
});

test('what an agent said that has been silent for 1,060 ms is not said any more', () => {
  const mouth = speaking();
  for (let ms = 0; ms <= 1000; ms += 100) assert.equal(speak(mouth, nobody, at(ms)).length, 1);
  assert.equal(speak(mouth, nobody, at(1100)).length, 0);
  assert.equal(speakAt(mouth), FOREVER);
});

test('numbers are the time in microseconds and always grow', () => {
  const mouth = speaking();
  utter(mouth, { kind: 'release', vips: ['192.0.2.1'], upTo: 1 }, START);
  const seqs = run(mouth, 300).map(({ message }) => message.seq);
  assert.deepEqual(
    seqs,
    seqs.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(seqs).size, seqs.length);
  assert.equal(seqs.at(-1), seqAt(at(300)));
});

test('an utterance is said three times 10 ms apart, at once, a fence 20 ms apart', () => {
  for (const [utterance, times] of [
    [{ kind: 'release', vips: ['192.0.2.1'], upTo: 1 }, [0, 10, 20]],
    [{ kind: 'fence' }, [0, 20, 40]],
  ] as const) {
    const mouth = speaking();
    utter(mouth, utterance, START);
    const said = run(mouth, 200).filter(({ message }) => message.kind === 'said');
    assert.deepEqual(
      said.map(({ ms }) => ms),
      times,
    );
    const copies = said.map(({ message }) => message.kind === 'said' && message.said);
    assert.equal(new Set(copies).size, 1, 'all are copies of one');
  }
});

test('3,000 releases are said by the frameful, none is lost', () => {
  const mouth = speaking();
  const vips = Array.from({ length: 3000 }, (_, i) => `192.0.${i >> 8}.${i & 255}`);
  utter(mouth, { kind: 'release', vips, upTo: 1 }, START);
  const heard = new Set<string>();
  let frames = 0;
  for (const message of speak(mouth, nobody, START)) {
    if (message.kind !== 'said' || message.utterance.kind !== 'release') continue;
    frames += 1;
    for (const vip of message.utterance.vips) heard.add(vip);
  }
  assert.equal(heard.size, 3000);
  assert.ok(frames < 80, `${frames} frames`);
});

test('news are said at once, and the grid stays; news in a row wait 20 ms', () => {
  const mouth = speaking();
  speak(mouth, nobody, START);
  setContent(mouth, { ...CONTENT, suspects: ['x/b/1'] }, at(30), at(30));
  assert.equal(speak(mouth, nobody, at(30)).length, 1);
  setContent(mouth, { ...CONTENT, suspects: [] }, at(35), at(35));
  assert.equal(speak(mouth, nobody, at(35)).length, 0);
  assert.equal(speakAt(mouth), at(50));
  assert.equal(speak(mouth, nobody, at(50)).length, 1);
  assert.equal(speakAt(mouth), at(100));
});

test('what does not fit into one frame comes first in another: echoes take turns', () => {
  const mouth = speaking();
  const echoes = ['a', 'b', 'c'].map((node) => ({ node, seq: 1 }));
  const firsts = [0, 100, 200].map((ms) => {
    const [message] = speak(mouth, () => echoes, at(ms));
    return message?.kind === 'beat' ? message.echoes[0]?.node : undefined;
  });
  assert.deepEqual(firsts.toSorted(), ['a', 'b', 'c']);
});
