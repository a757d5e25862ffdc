import { openSync, readSync } from 'node:fs';
import { type Instant, instant } from '../instant.ts';

/** Time, pauses and chance, as handed to everything that must not reach for them itself. */
export interface Clock {
  /** Milliseconds on the boot-time clock; never goes backwards. */
  now(): Instant;
  /** Resolves after `ms` milliseconds, or early when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls back every `ms` milliseconds until closed. */
  every(ms: number, callback: () => void): { close(): void };
  /** Uniform in [0, 1). */
  random(): number;
  /**
   * UTC in RFC 3339 with microseconds, as `renewTime` wants it. For people to read, never to be
   * compared.
   */
  wallTime(): string;
}

/** Calls back once all that this process had not read yet when it was called has been handed to it. */
export function afterInput(callback: () => void): void {
  // One turn of the loop may have looked at some of its sources already: a whole one follows.
  setImmediate(() => setImmediate(callback));
}

/** The clocks that boot time is made of, in milliseconds. */
export interface ClockSources {
  /** CLOCK_MONOTONIC, from any origin: stands still while the host is suspended. */
  monotonic(): number;
  /** CLOCK_REALTIME: cheap to read, and jumps together with boot time when the host wakes up. */
  wall(): number;
  /** CLOCK_BOOTTIME, rounded down to 10 ms. Costs up to 40 us in a process that was idle. */
  uptime(): number;
}

const UPTIME_RESOLUTION_MS = 10;
/** A clock whose reading does not move must not hang the start. */
const MAX_CALIBRATION_MS = 50;
/** Readings further apart than this were interrupted. */
const TIGHT_MS = 2;
/** Wall time is read in whole milliseconds and slewed by less than 0.1 %: more is a jump. */
const WALL_JUMP_MS = 5;
/**
 * However quiet the wall clock is. The ticks of agent and wires look every 50 ms, so that no frame
 * has to pay for the reading.
 */
const MAX_UNCHECKED_MS = 75;

/** A clock that counts suspensions. */
export interface BootTime {
  now(): Instant;
  /** Looks at `uptime` whatever the wall clock says. */
  check(): void;
}

/** The operating system's clock; throws if `/proc/uptime` cannot be read. */
export function systemClock(): Clock {
  const boot = bootTime({
    monotonic: () => performance.now(),
    wall: Date.now,
    uptime: openUptime(),
  });
  return {
    now: boot.now,
    sleep,
    every(ms, callback) {
      const timer = setInterval(() => {
        boot.check();
        callback();
      }, ms);
      return { close: () => clearInterval(timer) };
    },
    random: Math.random,
    wallTime: () => new Date().toISOString().replace('Z', '000Z'),
  };
}

/**
 * Boot time as monotonic time plus an offset. Node offers only CLOCK_MONOTONIC, which misses the
 * time that a host was suspended; `/proc/uptime` has it, but coarsely. So the offset is measured
 * exactly once, at a tick of `uptime`, and again only when `uptime` is ahead of it beyond doubt:
 * its rounding can never move the time. Every reading asks first whether the host has slept, by the
 * wall clock, and by `uptime` if that moved or 75 ms have passed.
 */
export function bootTime(sources: ClockSources): BootTime {
  let offset = calibrate(sources);
  let latest = Number.NEGATIVE_INFINITY;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let wallAhead = Number.NaN;
  const now = () => {
    const monotonic = sources.monotonic();
    const ahead = sources.wall() - monotonic;
    if (
      !(monotonic - checkedAt <= MAX_UNCHECKED_MS && Math.abs(ahead - wallAhead) <= WALL_JUMP_MS)
    ) {
      const uptime = sources.uptime();
      checkedAt = monotonic;
      wallAhead = ahead;
      // `uptime` is rounded down and was read before `monotonic`: true boot time is at least this
      // far ahead.
      if (uptime - sources.monotonic() > offset) offset = Math.max(offset, calibrate(sources));
    }
    latest = Math.max(latest, sources.monotonic() + offset);
    return instant(latest);
  };
  return {
    now,
    check() {
      checkedAt = Number.NEGATIVE_INFINITY;
      now();
    },
  };
}

/** An upper bound of boot time minus monotonic time, tight to `TIGHT_MS`. */
function calibrate({ monotonic, uptime }: ClockSources): number {
  let start = monotonic();
  let before = start;
  let previous = uptime();
  for (;;) {
    const beforeThis = monotonic();
    const reading = uptime();
    const after = monotonic();
    // The tick to `reading` fell between the start of the previous reading and now. A pause of this
    // process in between would move the clock by as much, and for good: the next tick will do.
    if (reading !== previous && after - before < TIGHT_MS) return reading - before;
    if (after - before >= TIGHT_MS) start = after;
    else if (beforeThis - start > MAX_CALIBRATION_MS) {
      return reading + UPTIME_RESOLUTION_MS - beforeThis;
    }
    before = beforeThis;
    previous = reading;
  }
}

function openUptime(): () => number {
  const fd = openSync('/proc/uptime', 'r');
  const buffer = new Uint8Array(64);
  return () => {
    const length = readSync(fd, buffer, 0, buffer.length, 0);
    let hundredths = 0;
    // `12345.67 ...`, read byte by byte: this stands between a frame and its answer.
    for (let i = 0; i < length; i++) {
      const byte = buffer[i] ?? 0;
      if (byte >= 0x30 && byte <= 0x39) hundredths = hundredths * 10 + byte - 0x30;
      else if (byte !== 0x2e) return hundredths * 10;
    }
    throw new Error('/proc/uptime holds no two numbers; is /proc mounted?');
  };
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal?.aborted) return Promise.resolve();
  const end = () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
    resolve();
  };
  const timer = setTimeout(end, Math.min(Math.max(ms, 0), 0x7fffffff));
  signal?.addEventListener('abort', end, { once: true });
  return promise;
}
