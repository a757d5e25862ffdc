import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedTiming, PROFILE_NAMES } from '../../src/election/timing.ts';

test('start refuses timings unless takerPatience * 0.99 >= holderPatience * 1.01 + 200 ms', () => {
  assert.throws(() => checkedTiming('standard', { takerPatience: 2900 }), {
    name: 'RangeError',
    message: /takerPatience 2900 ms \* 0\.99 .* holderPatience 2700 ms \* 1\.01 \+ 200 ms/,
  });
  assert.equal(checkedTiming('standard', { takerPatience: 2957 }).takerPatience, 2957);
});

test('start refuses timings unless 1.3 * renewInterval < holderPatience - renewInterval', () => {
  assert.throws(() => checkedTiming('standard', { renewInterval: 1200 }), /renewInterval 1200 ms/);
});

test('start refuses timings unless requestTimeout < renewInterval', () => {
  assert.throws(
    () => checkedTiming('standard', { requestTimeout: 1000 }),
    /requestTimeout 1000 ms/,
  );
});

test('start refuses timings that are not positive numbers', () => {
  assert.throws(
    () => checkedTiming('calm', { requestTimeout: 0 }),
    /'requestTimeout' must be positive/,
  );
  assert.throws(() => checkedTiming('calm', { takerPatience: Number.NaN }), /'takerPatience'/);
});

test('every shipped profile is accepted', () => {
  for (const profile of PROFILE_NAMES) assert(checkedTiming(profile).renewInterval > 0);
});
