import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add } from '../../src/instant.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { openAlarm } from '../../src/wire/alarm.ts';

test('an alarm runs once, at the earliest instant that it was set for; a closed one does not', async () => {
  const clock = systemClock();
  const start = clock.now();
  const rang: number[] = [];
  const alarm = openAlarm(clock, () => rang.push(clock.now() - start));
  for (const ms of [60, 20, 40]) alarm.setFor(add(start, ms));
  await clock.sleep(100);
  assert.equal(rang.length, 1);
  assert.ok((rang[0] ?? 0) >= 20 && (rang[0] ?? 0) < 40, `rang after ${rang[0]} ms`);
  alarm.setFor(add(clock.now(), 10));
  alarm.close();
  await clock.sleep(30);
  assert.equal(rang.length, 1);
});
