import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add, FOREVER, type Instant, instant } from '../../src/instant.ts';
import {
  fence,
  type GateGrant,
  permit,
  selfFenceAt,
  shutGate,
  shutReason,
  tick,
} from '../../src/wire/gate.ts';

const START = instant(1000);

/** A permit of incarnation 1 for a minute, sent at `ms`. */
function grant(ms: number, more: Partial<GateGrant> = {}): GateGrant {
  const sentAt: Instant = add(START, ms);
  const until = add(START, 60_000);
  return { until, provenAt: null, sentAt, incarnation: 1, held: false, ...more };
}

/** A gate that ticked and was permitted at `START`, with authority for a minute. */
function openGate() {
  const gate = shutGate(START);
  tick(gate, START);
  permit(gate, grant(0, { provenAt: START }), START);
  return gate;
}

test('I8: a gate begins suspect, and opens with a proof that is newer than its wire', () => {
  const gate = shutGate(START);
  assert.equal(shutReason(gate, START), 'suspect');
  permit(gate, grant(0, { provenAt: add(START, -1) }), START);
  assert.equal(shutReason(gate, START), 'suspect');
  permit(gate, grant(0, { provenAt: START }), START);
  assert.equal(shutReason(gate, START), undefined);
});

test('a permitted gate is open', () => {
  assert.equal(shutReason(openGate(), START), undefined);
});

test('I3: a gap of 200 ms since the last tick is borne, one of more shuts the gate at the next frame', () => {
  const gate = openGate();
  assert.equal(shutReason(gate, add(START, 200)), undefined);
  assert.equal(shutReason(gate, add(START, 201)), 'suspect');
});

test('I8: a suspect gate stays so, however regularly it ticks and is permitted', () => {
  const gate = openGate();
  tick(gate, add(START, 5000));
  for (let ms = 5000; ms < 8000; ms += 50) {
    tick(gate, add(START, ms));
    permit(gate, grant(ms, { provenAt: add(START, 4999) }), add(START, ms));
    assert.equal(shutReason(gate, add(START, ms)), 'suspect');
  }
});

test('I8: a heartbeat sent at the end of the gap or later settles the suspicion', () => {
  const gate = openGate();
  tick(gate, add(START, 5000));
  permit(gate, grant(5010, { provenAt: add(START, 5000) }), add(START, 5010));
  assert.equal(shutReason(gate, add(START, 5010)), undefined);
});

test('a permit that was queued during the gap does not hide it, whatever it proves', () => {
  const gate = openGate();
  permit(gate, grant(300, { provenAt: add(START, 250) }), add(START, 300));
  assert.equal(shutReason(gate, add(START, 300)), 'suspect');
});

test('frames of one burst after a gap are all refused: no frame counts as a tick', () => {
  const gate = openGate();
  for (let i = 0; i < 300; i++)
    assert.equal(shutReason(gate, add(START, 20_000 + i / 100)), 'suspect');
});

test('I3: no frame leaves at or after `until`', () => {
  const gate = openGate();
  permit(gate, grant(0, { until: add(START, 100) }), START);
  assert.equal(shutReason(gate, add(START, 99.9)), undefined);
  assert.equal(shutReason(gate, add(START, 100)), 'no_authority');
  permit(gate, grant(0, { until: null }), START);
  assert.equal(shutReason(gate, START), 'no_authority');
});

/** Ticks every 50 ms, up to and including `ms`. */
function runTo(gate: ReturnType<typeof openGate>, ms: number): void {
  for (let now = add(gate.tickedAt, 50); now <= add(START, ms); now = add(now, 50)) tick(gate, now);
}

test('an agent that has been silent for 1 s vouches for nothing', () => {
  const gate = openGate();
  runTo(gate, 1000);
  assert.equal(shutReason(gate, add(START, 1000)), undefined);
  assert.equal(shutReason(gate, add(START, 1001)), 'agent_silent');
  permit(gate, grant(1001), add(START, 1001));
  assert.equal(shutReason(gate, add(START, 1001)), undefined);
});

test('the silence of the agent counts from when it sent its permit, not from when that came', () => {
  const gate = openGate();
  runTo(gate, 900);
  permit(gate, grant(100), add(START, 900));
  runTo(gate, 1150);
  assert.equal(shutReason(gate, add(START, 1100)), undefined);
  assert.equal(shutReason(gate, add(START, 1101)), 'agent_silent');
});

test('an older permit does not shorten what a newer one has given', () => {
  const gate = openGate();
  permit(gate, grant(-500), START);
  assert.equal(selfFenceAt(gate), add(START, 1060));
});

test('an incarnation ends 1,060 ms after its last permit, one that nobody has does not', () => {
  const gate = openGate();
  assert.equal(selfFenceAt(gate), add(START, 1060));
  fence(gate, 1);
  assert.equal(selfFenceAt(gate), FOREVER);
  assert.equal(selfFenceAt(shutGate(START)), FOREVER);
  permit(gate, grant(0, { incarnation: 0, until: null }), START);
  assert.equal(selfFenceAt(gate), FOREVER);
});

test('a fenced incarnation and all before it are never permitted again, the next one is', () => {
  const gate = openGate();
  fence(gate, 2);
  for (const incarnation of [1, 2]) {
    permit(gate, grant(0, { incarnation }), START);
    assert.equal(shutReason(gate, START), 'fenced');
  }
  permit(gate, grant(0, { incarnation: 3 }), START);
  assert.equal(shutReason(gate, START), undefined);
  fence(gate, 2);
  assert.equal(shutReason(gate, START), undefined, 'a fence never goes back');
});
