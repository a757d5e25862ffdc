import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Instant, instant } from '../../src/instant.ts';
import {
  answerHeard,
  giveUp,
  idleProber,
  type Prober,
  probeWakeAt,
  startProbe,
  takeProbes,
  takeResults,
} from '../../src/wire/prober.ts';

const [ONE, TWO] = ['192.0.2.1', '192.0.2.2'];
const MAC = '02:00:00:00:00:0b';

function probing(vips: readonly string[]): Prober {
  const prober = idleProber();
  startProbe(prober, { kind: 'probe', token: 7, vips }, instant(1000));
  return prober;
}

/** Looks whenever it wants to be looked at; returns when it asked for what, and when it was over. */
function follow(prober: Prober, late = 0) {
  const asked: { readonly at: number; readonly vip: string }[] = [];
  for (let at: Instant | undefined = probeWakeAt(prober); at !== undefined; ) {
    const now = instant(at + late);
    for (const vip of takeProbes(prober, now)) asked.push({ at: now, vip });
    const [result] = takeResults(prober, now);
    if (result !== undefined) return { asked, result, at: now };
    at = probeWakeAt(prober);
  }
  throw new Error('it has no end');
}

test('every VIP is asked for three times, 100 ms apart, and the last has 100 ms to be answered', () => {
  const { asked, at, result } = follow(probing([ONE, TWO]));
  assert.deepEqual(
    asked.filter(({ vip }) => vip === ONE).map((each) => each.at),
    [1000, 1100, 1200],
  );
  assert.equal(asked.length, 6);
  assert.deepEqual(result, { kind: 'probed', token: 7, answers: [] });
  assert(at >= 1300 && at <= 1325, `over at ${at}`);
});

test('answers are told, each once, and only for what was asked', () => {
  const prober = probing([ONE]);
  for (const vip of [ONE, ONE, TWO]) answerHeard(prober, vip, MAC);
  assert.deepEqual(follow(prober).result.answers, [{ vip: ONE, mac: MAC }]);
});

test('a wire that stood still asks three times all the same, and waits for the answers', () => {
  const { asked, at } = follow(probing([ONE]), 500);
  const times = asked.map((each) => each.at);
  assert.deepEqual(times, [1500, 2100, 2700]);
  assert(at >= 2800, `over at ${at}`);
});

test('for many VIPs a link gets two probes in a millisecond', () => {
  const vips = Array.from({ length: 1000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  const { asked, at } = follow(probing(vips));
  assert.equal(asked.length, 3000);
  const first = asked.filter((each) => each.at < 1100);
  assert(first.length <= 201, `${first.length} probes in 100 ms`);
  assert(at < 2700, `over at ${at}`);
});

test('what was not asked proves nothing: after a probe that could not be sent nothing is told', () => {
  const prober = probing([ONE]);
  takeProbes(prober, instant(1000));
  giveUp(prober);
  assert.equal(probeWakeAt(prober), undefined);
  assert.deepEqual(takeResults(prober, instant(5000)), []);
});

test('to be asked for nothing is over at once', () => {
  assert.equal(follow(probing([])).at, 1000);
});
