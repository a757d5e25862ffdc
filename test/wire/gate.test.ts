import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add, instant } from '../../src/instant.ts';
import { permit, shutGate, shutReason, tick } from '../../src/wire/gate.ts';

const START = instant(1000);

/** A gate that ticked and was permitted at `START`, with authority for a minute. */
function openGate() {
  const gate = shutGate(START);
  tick(gate, START);
  permit(gate, { until: add(START, 60_000), provenAt: START }, START);
  return gate;
}

test('a gate is shut until its first permit', () => {
  assert.equal(shutReason(shutGate(START), START), 'no_authority');
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
    permit(gate, { until: add(START, 60_000), provenAt: add(START, 4999) }, add(START, ms));
    assert.equal(shutReason(gate, add(START, ms)), 'suspect');
  }
});

test('I8: a heartbeat sent at the end of the gap or later settles the suspicion', () => {
  const gate = openGate();
  tick(gate, add(START, 5000));
  permit(gate, { until: add(START, 60_000), provenAt: add(START, 5000) }, add(START, 5010));
  assert.equal(shutReason(gate, add(START, 5010)), undefined);
});

test('a permit that was queued during the gap does not hide it, whatever it proves', () => {
  const gate = openGate();
  permit(gate, { until: add(START, 60_000), provenAt: add(START, 250) }, add(START, 300));
  assert.equal(shutReason(gate, add(START, 300)), 'suspect');
});

test('frames of one burst after a gap are all refused: no frame counts as a tick', () => {
  const gate = openGate();
  for (let i = 0; i < 300; i++)
    assert.equal(shutReason(gate, add(START, 20_000 + i / 100)), 'suspect');
});

test('I3: no frame leaves at or after `until`', () => {
  const gate = openGate();
  permit(gate, { until: add(START, 100), provenAt: null }, START);
  assert.equal(shutReason(gate, add(START, 99.9)), undefined);
  assert.equal(shutReason(gate, add(START, 100)), 'no_authority');
  permit(gate, { until: null, provenAt: null }, START);
  assert.equal(shutReason(gate, START), 'no_authority');
});

test('an agent that has been silent for 1 s vouches for nothing', () => {
  const gate = openGate();
  for (let ms = 50; ms <= 1000; ms += 50) tick(gate, add(START, ms));
  assert.equal(shutReason(gate, add(START, 1000)), undefined);
  assert.equal(shutReason(gate, add(START, 1001)), 'agent_silent');
  permit(gate, { until: add(START, 60_000), provenAt: null }, add(START, 1100));
  assert.equal(shutReason(gate, add(START, 1100)), undefined);
});
