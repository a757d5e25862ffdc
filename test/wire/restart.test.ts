import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant } from '../../src/instant.ts';
import { afterExit, FIRST_START, type Restart } from '../../src/wire/restart.ts';

const NOW = instant(0);

test('a wire that has served, or lost its link, starts again after 50 ms', () => {
  const failed: Restart = { at: NOW, failures: 6 };
  for (const exit of [
    { servedMs: 1000, linkUp: true },
    { servedMs: 0, linkUp: false },
  ]) {
    assert.deepEqual(afterExit(failed, exit, NOW), { at: instant(50), failures: 0 });
  }
});

test('wires that fail at once on a link that is up start ever later, 5 s at most', () => {
  const pauses: number[] = [];
  let restart = FIRST_START;
  for (let i = 0; i < 9; i++) {
    restart = afterExit(restart, { servedMs: 0, linkUp: true }, NOW);
    pauses.push(restart.at);
  }
  assert.deepEqual(pauses, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
});
