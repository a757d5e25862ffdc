import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add, type Instant, instant } from '../../src/instant.ts';
import { type Announcement, idleAnnouncer, setVips, takeDue } from '../../src/wire/announce.ts';

const START = instant(1000);
const middle = () => 0.5;

interface Sent extends Announcement {
  readonly ms: number;
}

/** What is sent to whom and when, driven as a wire does: at `wakeAt`, or every `stepMs`. */
function run(epochs: ReadonlyMap<number, string>, forMs: number, stepMs = 0): Sent[] {
  const announcer = idleAnnouncer(START);
  setVips(announcer, epochs, START);
  const sent: Sent[] = [];
  for (let now: Instant = START; now <= add(START, forMs); ) {
    for (const frame of takeDue(announcer, middle, now)) sent.push({ ...frame, ms: now - START });
    now = stepMs > 0 ? add(now, stepMs) : announcer.wakeAt;
  }
  return sent;
}

test('a takeover is announced in both forms at 0, 0.1, 0.5, 1.6, 3.2 and 6.4 s, then every 60 s', () => {
  const sent = run(new Map([[1, 'e']]), 130_000);
  const at = (form: string) => sent.filter((frame) => frame.form === form).map(({ ms }) => ms);
  const times = [0, 100, 500, 1600, 3200, 6400, 66_400, 126_400];
  assert.deepEqual(at('request'), times);
  assert.deepEqual(at('reply'), times);
});

test('the refresh is spread by 20 % to both sides', () => {
  for (const [random, period] of [
    [0, 48_000],
    [0.999999, 72_000],
  ] as const) {
    const announcer = idleAnnouncer(START);
    setVips(announcer, new Map([[1, 'e']]), START);
    let now: Instant = START;
    while (now <= add(START, 6400)) {
      takeDue(announcer, () => random, now);
      now = announcer.wakeAt;
    }
    assert.ok(Math.abs(now - START - 6400 - period) < 1);
  }
});

test('the first frame of every VIP comes before the second of any', () => {
  const epochs = new Map(Array.from({ length: 3000 }, (_, ip) => [ip, 'e']));
  const sent = run(epochs, 4000, 10);
  const firsts = sent.slice(0, 3000);
  assert.equal(new Set(firsts.map(({ ip }) => ip)).size, 3000);
  assert.ok(firsts.every(({ form }) => form === 'request'));
});

test('no link sends more than 2,000 frames a second', () => {
  const epochs = new Map(Array.from({ length: 3000 }, (_, ip) => [ip, 'e']));
  const sent = run(epochs, 4000, 10);
  for (let from = 0; from < 4000; from += 500) {
    const inWindow = sent.filter(({ ms }) => ms >= from && ms < from + 1000).length;
    assert.ok(inWindow <= 2000 + 40, `${inWindow} frames in the second from ${from} ms`);
  }
});

test('a new epoch starts the burst again, the same one does not, and a VIP that left is silent', () => {
  const announcer = idleAnnouncer(START);
  setVips(
    announcer,
    new Map([
      [1, 'e'],
      [2, 'e'],
    ]),
    START,
  );
  takeDue(announcer, middle, START);
  setVips(announcer, new Map([[1, 'f']]), add(START, 10));
  assert.deepEqual(takeDue(announcer, middle, add(START, 10)), [
    { ip: 1, form: 'request' },
    { ip: 1, form: 'reply' },
  ]);
  setVips(announcer, new Map([[1, 'f']]), add(START, 20));
  assert.deepEqual(takeDue(announcer, middle, add(START, 20)), []);
});

test('a gate that was shut for long shifts the burst instead of squeezing it', () => {
  const announcer = idleAnnouncer(START);
  setVips(announcer, new Map([[1, 'e']]), START);
  const late = add(START, 5000);
  assert.equal(takeDue(announcer, middle, late).length, 2);
  assert.equal(announcer.wakeAt, add(late, 100));
});
