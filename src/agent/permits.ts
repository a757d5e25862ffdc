import { whomToAsk } from '../election/asking.ts';
import { authorityOf, type Beat, type Decision, proofOf } from '../election/decide.ts';
import type { ElectionState } from '../election/state.ts';
import { type Instant, NEVER } from '../instant.ts';
import type { Clock } from '../sys/clock.ts';
import type { Grant } from '../wire/messages.ts';
import { wordsOf } from '../wire/mouth.ts';
import type { ElectionLoop } from './election-loop.ts';
import type { WireSet } from './wires.ts';

/**
 * A wire whose agent was silent for 1 s gives up its incarnation, and tells the segment. An agent that was
 * silent for nearly as long gives it up too, before it sends another permit: its wires cannot disagree.
 */
const MAX_SILENCE_MS = 900;
/** Sends the wires their permits. */
export interface Permits {
  /** To be called on every tick. */
  now(): void;
  /** After a decision: at once if authority has ended, or if there is news for the segment. */
  follow(decision: Decision): void;
}

/** The permits of an agent at work. */
export function permitter(
  clock: Clock,
  { wires, election }: { readonly wires: WireSet; readonly election: ElectionLoop },
): Permits {
  let permittedAt = clock.now();
  let beat: Beat | undefined;
  let words = '';
  const send = () => {
    const now = clock.now();
    if (now - permittedAt > MAX_SILENCE_MS && wires.report() !== undefined) election.stalled();
    permittedAt = now;
    wires.tick(grantOf(election.state(), beat, now), now);
  };
  return {
    now: send,
    follow(decision: Decision) {
      beat = decision.beat;
      const next = wordsOf(beat);
      if (next === words && decision.until !== null) return;
      words = next;
      send();
    },
  };
}

function grantOf(state: ElectionState, beat: Beat | undefined, now: Instant): Grant {
  const until = authorityOf(state);
  const contactAgeMs =
    beat === undefined || beat.contactAt === NEVER ? undefined : now - beat.contactAt;
  return {
    until,
    provenAt: proofOf(state),
    sentAt: now,
    incarnation: state.phase === 'reading' ? 0 : state.incarnation,
    held: state.phase === 'held',
    beat: beat === undefined ? null : { ...beat, contactAgeMs },
    ask: whomToAsk(state),
  };
}
