import { add, type Instant, instant } from '../../src/instant.ts';
import type { BeatContent } from '../../src/model.ts';
import { seqAt } from '../../src/wire/ear.ts';
import type { Grant } from '../../src/wire/messages.ts';
import type { Beat, Said } from '../../src/witness/message.ts';

/** When everything begins, in the tests of the witness. */
export const START: Instant = instant(1000);
/** `ms` after it. */
export const at = (ms: number): Instant => add(START, ms);
/** Standard profile: three beats of 100 ms and 50 ms are a silence. */
export const SETTINGS = { node: 'me', bootId: 'b', beatMs: 100, silentBeats: 3, contactMs: 1300 };

/** What `me` says of itself. */
export const CONTENT: BeatContent = {
  sender: 'me/b/7',
  contactAgeMs: 200,
  leaving: false,
  fences: [],
  suspects: [],
  takeovers: [],
};

/** A beat of `peer`, sent `ms` after the start, which echoes what `me` said `echoMs` after the start. */
export function beat(ms: number, echoMs: number | undefined, more: Partial<Beat> = {}): Beat {
  const echoes = echoMs === undefined ? [] : [{ node: 'me', seq: seqAt(at(echoMs)) }];
  const { sender = 'peer/p/1' } = more;
  return {
    ...CONTENT,
    kind: 'beat',
    seq: seqAt(at(ms)),
    echoes,
    echoesCut: false,
    ...more,
    sender,
  };
}

/** A copy, sent `ms` after the start, of what `peer` said first as `said`. */
export function saying(ms: number, said: number, utterance: Said['utterance']): Said {
  return { kind: 'said', sender: 'peer/p/1', seq: seqAt(at(ms)), said, utterance };
}

/** A permit sent `ms` after the start, for a minute. */
export function grant(ms: number, more: Partial<Grant> = {}): Grant {
  const until = at(60_000);
  const base = { until, provenAt: at(0), incarnation: 7, held: false, beat: CONTENT, ask: [] };
  return { ...base, sentAt: at(ms), ...more };
}
