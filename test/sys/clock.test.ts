import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { bootTime, systemClock } from '../../src/sys/clock.ts';

/** A host whose clocks the test moves. Every reading takes 10 us. */
function host() {
  let awake = 5000.123;
  let asleep = 40.4;
  let wallStep = 0;
  let uptimeReadings = 0;
  return {
    run: (ms: number) => {
      awake += ms;
    },
    suspend: (ms: number) => {
      asleep += ms;
    },
    stepWall: (ms: number) => {
      wallStep += ms;
    },
    bootNow: () => awake + asleep,
    uptimeReadings: () => uptimeReadings,
    sources: {
      monotonic: () => {
        awake += 0.01;
        return awake;
      },
      wall: () => Math.floor(1.8e12 + awake + asleep + wallStep),
      uptime: () => {
        awake += 0.01;
        uptimeReadings += 1;
        return Math.floor((awake + asleep) / 10) * 10;
      },
    },
  };
}

test('now is boot time, rounded up by less than 0.1 ms', () => {
  const { sources, bootNow, run } = host();
  const { now } = bootTime(sources);
  for (let i = 0; i < 1000; i++) {
    run(3.7);
    const error = now() - bootNow();
    assert.ok(error >= 0 && error < 0.1, `${error} ms off`);
  }
});

test('the rounding of /proc/uptime never moves the time', () => {
  const { sources, run } = host();
  const { now } = bootTime(sources);
  let before = now() - sources.monotonic();
  for (let i = 0; i < 1000; i++) {
    run(1.3);
    const ahead = now() - sources.monotonic();
    assert.ok(Math.abs(ahead - before) < 0.001);
    before = ahead;
  }
});

test('I8: a suspended host is noticed by the very next reading', () => {
  const { sources, suspend, bootNow, run } = host();
  const { now } = bootTime(sources);
  now();
  run(1);
  suspend(30_000);
  const error = now() - bootNow();
  assert.ok(error >= 0 && error < 0.1, `${error} ms off`);
});

test('a suspension that the wall clock hides is noticed within 75 ms, and by the next tick', () => {
  const { sources, suspend, stepWall, bootNow, run } = host();
  const { now } = bootTime(sources);
  now();
  suspend(30_000);
  stepWall(-30_000);
  run(76);
  assert.ok(now() - bootNow() >= 0);
});

test('a tick looks for a hidden suspension however short ago the last look was', () => {
  const { sources, suspend, stepWall, bootNow } = host();
  const boot = bootTime(sources);
  boot.now();
  suspend(30_000);
  stepWall(-30_000);
  boot.check();
  assert.ok(boot.now() - bootNow() >= 0);
});

test('a step of the wall clock moves nothing', () => {
  const { sources, stepWall, bootNow } = host();
  const { now } = bootTime(sources);
  now();
  for (const step of [3_600_000, -7_200_000]) {
    stepWall(step);
    assert.ok(Math.abs(now() - bootNow()) < 0.1);
  }
});

test('frames in quick succession cost no reading of /proc/uptime', () => {
  const { sources, run, uptimeReadings } = host();
  const { now } = bootTime(sources);
  now();
  const before = uptimeReadings();
  for (let i = 0; i < 30; i++) {
    run(1);
    now();
  }
  assert.equal(uptimeReadings(), before);
});

test('the clocks of two processes of a host agree', () => {
  const clockFile = new URL('../../src/sys/clock.ts', import.meta.url).href;
  const script = `import { systemClock } from '${clockFile}'; console.log(systemClock().now());`;
  const clock = systemClock();
  const before = clock.now();
  const other = Number(execFileSync(process.execPath, ['--input-type=module', '-e', script]));
  assert.ok(other > before && other < clock.now());
});

test('sleep() ends early when the signal aborts, and at once if it has', async () => {
  const clock = systemClock();
  const start = clock.now();
  await clock.sleep(60_000, AbortSignal.timeout(20));
  await clock.sleep(60_000, AbortSignal.abort());
  assert.ok(clock.now() - start < 1000);
});

test('wallTime() is RFC 3339 with microseconds, as a Lease has it', () => {
  assert.match(systemClock().wallTime(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

test('a process that is paused while it measures its clock does not keep the error', () => {
  let monotonic = 1000;
  let readings = 0;
  const sources = {
    monotonic: () => {
      monotonic += 0.01;
      return monotonic;
    },
    wall: () => monotonic,
    uptime: () => {
      readings += 1;
      if (readings === 3) monotonic += 180;
      return Math.floor((monotonic + 500) / 10) * 10;
    },
  };
  const { now } = bootTime(sources);
  const ahead = now() - monotonic - 500;
  assert.ok(ahead >= 0 && ahead < 2, `${ahead} ms ahead`);
});
