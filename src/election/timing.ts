/** The timings of the ownership protocol, all in milliseconds. Obtained from `checkedTiming` only. */
export interface Timing {
  /** Pace of the heartbeat. */
  readonly renewInterval: number;
  /** A Lease request that took longer counts as failed, though it may still commit. */
  readonly requestTimeout: number;
  /** How long a holder trusts a heartbeat of its own, counted from when it was sent. */
  readonly holderPatience: number;
  /** How long others wait without a change of the heartbeat before they call its writer dead. */
  readonly takerPatience: number;
  /** Pace of the witness; 0: this profile has none. */
  readonly beatInterval: number;
  /** So many beats missing in a row are silence. */
  readonly silentBeats: number;
}

/** Clock rates of two nodes may differ by this share (assumption A1). */
const RATE_ERROR = 0.01;
/** A frame leaves the node at most this long after its authority was checked (assumption A2). */
export const SEND_DELAY_MS = 200;
/** More than this share of `renewInterval` between two heartbeats that came back is a lost contact. */
const CONTACT_FACTOR = 1.3;
/** How late a beat may be that was sent in time: timers and queues of both ends. */
const JITTER_MS = 25;

const PROFILES = {
  calm: {
    renewInterval: 3000,
    requestTimeout: 2000,
    holderPatience: 8000,
    takerPatience: 10_000,
    beatInterval: 200,
    silentBeats: 5,
  },
  standard: {
    renewInterval: 1000,
    requestTimeout: 800,
    holderPatience: 2700,
    takerPatience: 3000,
    beatInterval: 100,
    silentBeats: 3,
  },
  'fast-lease': {
    renewInterval: 200,
    requestTimeout: 150,
    holderPatience: 560,
    takerPatience: 800,
    beatInterval: 0,
    silentBeats: 0,
  },
} satisfies Record<string, Timing>;

export type Profile = keyof typeof PROFILES;

/** The names of the shipped profiles, calmest first. */
export const PROFILE_NAMES: readonly Profile[] = ['calm', 'standard', 'fast-lease'];

/**
 * The timing of a shipped profile, changed by `overrides`.
 * Throws RangeError, naming both sides, if the relations that safety rests on do not hold.
 */
export function checkedTiming(profile: Profile, overrides: Partial<Timing> = {}): Timing {
  const timing: Timing = { ...PROFILES[profile], ...overrides };
  for (const [name, value] of Object.entries(timing)) {
    const least = name === 'beatInterval' || name === 'silentBeats' ? 0 : Number.MIN_VALUE;
    if (!Number.isFinite(value) || value < least) {
      throw new RangeError(`Cannot use timings: '${name}' must be positive: it is ${value} ms`);
    }
  }
  const taker = timing.takerPatience * (1 - RATE_ERROR);
  const holder = timing.holderPatience * (1 + RATE_ERROR) + SEND_DELAY_MS;
  if (taker < holder) {
    throw new RangeError(
      `Cannot use timings: another node could take over before the holder has stopped: ` +
        `takerPatience ${timing.takerPatience} ms * 0.99 must be at least ` +
        `holderPatience ${timing.holderPatience} ms * 1.01 + ${SEND_DELAY_MS} ms`,
    );
  }
  const handover = contactGap(timing) + 3 * timing.beatInterval;
  if (handover >= timing.holderPatience - timing.renewInterval) {
    throw new RangeError(
      `Cannot use timings: one lost heartbeat would end the authority: ` +
        `1.3 * renewInterval ${timing.renewInterval} ms + 3 * beatInterval ${timing.beatInterval} ms ` +
        `must be less than holderPatience ${timing.holderPatience} ms - renewInterval`,
    );
  }
  if (timing.requestTimeout >= timing.renewInterval) {
    throw new RangeError(
      `Cannot use timings: requestTimeout ${timing.requestTimeout} ms must be less than ` +
        `renewInterval ${timing.renewInterval} ms`,
    );
  }
  return Object.freeze(timing);
}

/** The longest distance of two heartbeats that came back which still counts as unbroken contact, in ms. */
export function contactGap(timing: Timing): number {
  return CONTACT_FACTOR * timing.renewInterval;
}

/** How long a peer may go unheard before it counts as silent, in ms. */
export function silencePatience({
  silentBeats,
  beatInterval,
}: Pick<Timing, 'silentBeats' | 'beatInterval'>): number {
  return silentBeats * beatInterval + JITTER_MS;
}
