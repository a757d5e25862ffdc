import { add, FOREVER, type Instant, NEVER } from '../instant.ts';
import type { Neighbour } from '../model.ts';
import type { Ear } from './ear.ts';

/** After so many beats of silence nobody is asked for any more: the lease has decided by then. */
const ASKED_BEATS = 50;

/**
 * The question whether our own ears work (design 4.4.1): once a peer is not heard, its host and the gateway are
 * asked for, by ARP, once a beat, and whoever answers proves it. Changed only by the functions of this file.
 */
export interface Asking {
  neighbours: readonly Neighbour[];
  askedAt: Instant;
  /** An answer to the last question is told at once: the agent waits for it. */
  isAwaited: boolean;
}

/** Nobody is asked for. */
export function noAsking(): Asking {
  return { neighbours: [], askedAt: NEVER, isAwaited: false };
}

/** Who is to be asked for now. */
export function takeQuestions(asking: Asking, ear: Ear, now: Instant): readonly Neighbour[] {
  if (now < nextQuestion(asking, ear)) return [];
  asking.askedAt = now;
  const asked = asking.neighbours.filter(
    ({ node }) => now >= askAt(ear, node) && now < askUntil(ear, node),
  );
  asking.isAwaited = asked.length > 0;
  return asked;
}

/** When `takeQuestions` has something to ask next; FOREVER if everybody is heard. */
export function nextQuestion({ neighbours, askedAt }: Asking, ear: Ear): Instant {
  let next: Instant = FOREVER;
  for (const { node } of neighbours) {
    const at = Math.max(askAt(ear, node), add(askedAt, ear.beatMs)) as Instant;
    if (at < next && at < askUntil(ear, node)) next = at;
  }
  return next;
}

/** Whether a frame of another host, come at `at` or later, is the first since the last question. */
export function isAnswer(asking: Asking, at: Instant): boolean {
  if (!asking.isAwaited || at < asking.askedAt) return false;
  asking.isAwaited = false;
  return true;
}

/** From the first beat that is missing: whether this link has heard all along has to be known when it counts. */
function askAt(ear: Ear, node: string): Instant {
  const heardAt = ear.peers.get(node)?.hearing?.heardAt;
  return heardAt === undefined ? FOREVER : add(heardAt, ear.missedMs);
}

function askUntil(ear: Ear, node: string): Instant {
  return add(ear.peers.get(node)?.hearing?.heardAt ?? NEVER, ASKED_BEATS * ear.beatMs);
}
