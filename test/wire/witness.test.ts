import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { noteForeign } from '../../src/wire/ear.ts';
import { shutGate, shutReason, tick } from '../../src/wire/gate.ts';
import {
  granted,
  heard,
  openWitness,
  takeNews,
  told,
  type Witness,
  wake,
  wakeAt,
} from '../../src/wire/witness.ts';
import { at, beat, CONTENT, grant, SETTINGS, START } from './witness-words.ts';

/** A witness that was permitted at `START`. */
function permitted(): Witness {
  const gate = shutGate(START);
  const witness = openWitness(SETTINGS, gate, START);
  granted(witness, grant(0), START);
  return witness;
}

/** Ticks and wakes as a wire does, without a word of the agent, up to and including `ms`. */
function runTo(witness: Witness, ms: number) {
  const outcomes: ReturnType<typeof wake>[] = [];
  while (wakeAt(witness) <= at(ms)) {
    const now = wakeAt(witness);
    if (now - witness.gate.tickedAt >= 50) tick(witness.gate, now);
    outcomes.push(wake(witness, now));
  }
  return {
    say: outcomes.flatMap(({ say }) => say),
    report: outcomes.flatMap(({ report }) => report),
  };
}

test('an agent silent for 1,060 ms: its incarnation is over, three FENCE, no beat any more', () => {
  const witness = permitted();
  const before = runTo(witness, 1059.9);
  assert.deepEqual(before.report, []);
  assert.ok(before.say.every(({ kind }) => kind === 'beat'));
  const after = runTo(witness, 3000);
  assert.deepEqual(after.report, [{ kind: 'self-fenced', incarnation: 7 }]);
  assert.deepEqual(
    after.say.map(({ kind, sender }) => [kind, sender]),
    Array.from({ length: 3 }, () => ['said', 'me/b/7']),
  );
  const late = granted(witness, grant(3000), at(3000));
  assert.deepEqual(late, { say: [], report: [] });
  assert.equal(shutReason(witness.gate, at(3000)), 'fenced');
  const next = { incarnation: 8, beat: { ...CONTENT, sender: 'me/b/8' } };
  assert.equal(granted(witness, grant(3010, next), at(3010)).say.length, 1, 'the next one beats');
  assert.equal(shutReason(witness.gate, at(3010)), undefined);
});

test('a permit that comes after the deadline does not save the incarnation', () => {
  const witness = permitted();
  const { say, report } = granted(witness, grant(1060), at(1060));
  assert.deepEqual(report, [{ kind: 'self-fenced', incarnation: 7 }]);
  assert.deepEqual(
    say.map(({ kind }) => kind),
    ['said'],
  );
});

test('a peer that publishes a fence on us shuts the gate at once, once', () => {
  const witness = permitted();
  const fences = ['me/b/7'];
  const first = heard(witness, beat(10, 0, { fences }), at(10));
  assert.deepEqual(first.report, [{ kind: 'self-fenced', incarnation: 7 }]);
  assert.equal(shutReason(witness.gate, at(10)), 'fenced');
  const second = heard(witness, beat(110, 0, { fences }), at(110));
  assert.deepEqual(
    second.report.map(({ kind }) => kind),
    ['heard'],
  );
  assert.deepEqual(runTo(witness, 1000).say, [], 'and it says nothing any more');
});

test('a fence on another incarnation of ours is none on this one', () => {
  const witness = permitted();
  const { report } = heard(witness, beat(10, 0, { fences: ['me/b/6', 'me/a/7'] }), at(10));
  assert.deepEqual(report, []);
  assert.equal(shutReason(witness.gate, at(10)), undefined);
});

test('a silence is told at its deadline, after one more look at the socket', () => {
  const witness = permitted();
  heard(witness, beat(0, undefined), at(0));
  heard(witness, beat(100, 50), at(100));
  let told: number | undefined;
  for (let now = 100; now < 600 && told === undefined; ) {
    now = wakeAt(witness) - START;
    if (now % 50 === 0) granted(witness, grant(now), at(now));
    tick(witness.gate, at(now));
    const { report } = wake(witness, at(now));
    for (const message of report) {
      if (message.kind !== 'heard') continue;
      told = now;
      assert.ok(message.hearing.asOf >= at(425), 'it counts all that came before the deadline');
    }
  }
  assert.equal(told, 426);
});

test('after a stall of its own, a wire listens for 20 ms before it calls anybody silent', () => {
  const witness = permitted();
  heard(witness, beat(0, undefined), at(0));
  heard(witness, beat(100, 50), at(100));
  runTo(witness, 150);
  assert.deepEqual(wake(witness, at(500)).report, []);
  assert.ok(wakeAt(witness) >= at(520));
  // What was in the socket all the time.
  heard(witness, beat(500, 50), at(501));
  assert.deepEqual(wake(witness, at(520)).report, []);
});

/** A gate with a gap that ended at 500 ms; the agent has gone on. */
function suspicious(held: boolean): Witness {
  const witness = permitted();
  tick(witness.gate, at(500));
  granted(witness, grant(500, { held }), at(500));
  assert.equal(shutReason(witness.gate, at(500)), 'suspect');
  return witness;
}

test('I8: while held, two beats of one peer that answer us after the gap settle a suspicion', () => {
  const witness = suspicious(true);
  heard(witness, beat(600, 499), at(600));
  heard(witness, beat(650, 500), at(650));
  heard(witness, beat(660, 500, { sender: 'other/o/1' }), at(660));
  assert.equal(witness.gate.suspectSince, at(500), 'one of each is not enough');
  heard(witness, beat(750, 500), at(750));
  assert.equal(witness.gate.suspectSince, null);
});

test('I8: without a hold, only a heartbeat settles a suspicion', () => {
  const witness = suspicious(false);
  for (let ms = 600; ms < 1400; ms += 100) heard(witness, beat(ms, ms - 10), at(ms));
  assert.equal(witness.gate.suspectSince, at(500));
});

test('I8: a beat that carries a fence on us settles nothing', () => {
  const witness = suspicious(true);
  const fences = ['me/b/7'];
  heard(witness, beat(600, 500, { fences }), at(600));
  heard(witness, beat(700, 500, { fences }), at(700));
  assert.notEqual(shutReason(witness.gate, at(700)), undefined);
  assert.equal(witness.gate.fenced, 7);
});

test('I8: a new gap starts the count again', () => {
  const witness = suspicious(true);
  heard(witness, beat(600, 500), at(600));
  tick(witness.gate, at(900));
  heard(witness, beat(910, 800), at(910));
  heard(witness, beat(920, 900), at(920));
  assert.equal(witness.gate.suspectSince, at(900));
  heard(witness, beat(930, 900), at(930));
  assert.equal(witness.gate.suspectSince, null);
});

test('an utterance leaves in the same breath', () => {
  const witness = permitted();
  const { say } = told(witness, { kind: 'release', vips: ['192.0.2.1'], upTo: 2 }, at(5));
  assert.equal(say.length, 1);
});

test('a pong tells what was heard once, and that a witness is there even if nobody was', () => {
  const witness = permitted();
  assert.deepEqual(takeNews(witness)?.peers.size, 0);
  assert.equal(takeNews(witness), undefined);
  heard(witness, beat(0, undefined), at(0));
  heard(witness, beat(100, 50), at(100));
  assert.ok(takeNews(witness)?.peers.has('peer'));
  assert.equal(takeNews(witness), undefined);
  noteForeign(witness.ear, at(150));
  assert.equal(takeNews(witness)?.foreignAt, at(150));
});

test('an utterance that comes after the deadline does not swallow the FENCE', () => {
  const witness = permitted();
  const { say, report } = told(witness, { kind: 'release', vips: [], upTo: 2 }, at(1100));
  assert.deepEqual(report, [{ kind: 'self-fenced', incarnation: 7 }]);
  assert.deepEqual(
    say.map((message) => message.kind === 'said' && message.utterance.kind),
    ['fence'],
  );
});

const steps = fc.array(
  fc.record({
    pause: fc.constantFrom(0, 1, 20, 50, 300, 1200),
    what: fc.constantFrom('grant', 'none', 'next', 'tell', 'beat', 'echo', 'fence', 'wake'),
  }),
  { maxLength: 60 },
);

test('whatever happens, a wake is followed by a pause, and a gate that is fenced stays shut', () => {
  fc.assert(
    fc.property(steps, (story) => {
      const witness = permitted();
      let ms = 0;
      let incarnation = 7;
      for (const { pause, what } of story) {
        ms += pause;
        if (what === 'next') incarnation += 1;
        const sender = `me/b/${incarnation}`;
        const content = what === 'none' ? null : { ...CONTENT, sender };
        if (what === 'grant' || what === 'none' || what === 'next') {
          granted(witness, grant(ms, { incarnation, beat: content }), at(ms));
        } else if (what === 'tell') told(witness, { kind: 'fence' }, at(ms));
        else if (what === 'wake') wake(witness, at(ms));
        else {
          const fences = what === 'fence' ? [sender] : [];
          heard(witness, beat(ms, what === 'beat' ? undefined : ms - 1, { fences }), at(ms));
        }
        const { gate } = witness;
        if (gate.incarnation <= gate.fenced) assert.notEqual(shutReason(gate, at(ms)), undefined);
        wake(witness, at(ms));
        assert.ok(wakeAt(witness) > at(ms), `after ${what} at ${ms} ms`);
        assert.ok(wakeAt(witness) <= at(ms + 50), 'and the wire is woken every 50 ms');
      }
    }),
  );
});
