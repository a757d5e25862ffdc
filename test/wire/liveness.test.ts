import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add, instant } from '../../src/instant.ts';
import { answered, isHung, startCount } from '../../src/wire/liveness.ts';

const START = instant(0);

test('a wire that has not answered for more than 300 ms of regular ticks is hung', () => {
  const liveness = startCount(START);
  for (let ms = 50; ms <= 300; ms += 50) assert.ok(!isHung(liveness, 300, add(START, ms)));
  assert.ok(isHung(liveness, 300, add(START, 350)));
});

test('an answer starts the count again', () => {
  const liveness = startCount(START);
  for (let ms = 50; ms <= 2000; ms += 50) {
    if (ms % 300 === 0) answered(liveness, add(START, ms));
    assert.ok(!isHung(liveness, 300, add(START, ms)));
  }
});

test('a gap of the agent itself over 200 ms starts the count again', () => {
  const liveness = startCount(START);
  for (let ms = 201; ms <= 4020; ms += 201) assert.ok(!isHung(liveness, 300, add(START, ms)));
});
