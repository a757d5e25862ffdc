import type { OwnStall } from './protocol.ts';

export interface Pace {
  stop(): { readonly ownStalls: readonly OwnStall[]; readonly skipped: number };
}

/** A gap in the own sending that must be told. */
const STALL_MS = 30;

/**
 * Calls `tick` at `start + n * intervalMs` for ever, without drift. Ticks up to 30 ms late are made up for at once,
 * later ones are skipped and counted.
 */
export function startPace(intervalMs: number, tick: () => void): Pace {
  const ownStalls: OwnStall[] = [];
  const longestAllowed = Math.max(STALL_MS, 3 * intervalMs);
  let due = performance.now();
  let lastTick = due;
  let skipped = 0;
  let timer: NodeJS.Timeout | undefined;
  const wake = () => {
    for (let now = performance.now(); due <= now; due += intervalMs) {
      if (now - due > longestAllowed) {
        skipped++;
        continue;
      }
      if (now - lastTick > longestAllowed) {
        ownStalls.push({ at: wallClock() - (now - lastTick), ms: now - lastTick });
      }
      lastTick = now;
      tick();
      now = performance.now();
    }
    timer = setTimeout(wake, Math.max(0, due - performance.now()));
  };
  wake();
  return {
    stop: () => {
      clearTimeout(timer);
      const gap = performance.now() - lastTick;
      if (gap > longestAllowed) ownStalls.push({ at: wallClock() - gap, ms: gap });
      return { ownStalls, skipped };
    },
  };
}

/** Milliseconds since 1970 with a fraction, free of steps within one process. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now();
}
