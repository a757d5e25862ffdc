import { add, FOREVER, type Instant, instant, NEVER } from '../instant.ts';
import type { BeatContent, IncarnationId, Utterance, Vip } from '../model.ts';
import type { Beat, Echo, Said, WitnessMessage } from '../witness/message.ts';
import { seqAt } from './ear.ts';
import { SELF_FENCE_MS } from './gate.ts';

/** One copy may be lost; three in a row are not lost by chance. */
const COPIES = 3;
const COPY_PAUSE_MS = 10;
const FENCE_PAUSE_MS = 20;
/** News are not said more often than this. */
const NEWS_PAUSE_MS = 20;
/** More that waits to be said is given up, the oldest first: three copies of 3,000 releases fit. */
const MAX_SAYINGS = 512;
/** Of VIPs in one message: with the longest names all of it still fits into a frame. */
const MAX_VIP_BYTES = 768;

/** What is to be said on one link, and when. Changed only by the functions of this file. */
export interface Mouth {
  readonly beatMs: number;
  content: BeatContent | null;
  /** When the agent said so: without a newer word of it we fall silent. */
  sentAt: Instant;
  /** Of the grid: the next beat is due then whatever was said in between. */
  beatAt: Instant;
  /** News are said before that; FOREVER: there are none. */
  newsAt: Instant;
  spokeAt: Instant;
  lastSeq: number;
  beats: number;
  sayings: Saying[];
}

interface Saying {
  readonly sender: IncarnationId;
  readonly said: number;
  readonly utterance: Utterance;
  copies: number;
  dueAt: Instant;
}

/** A mouth that says nothing until it is given something to say. */
export function openMouth(beatMs: number): Mouth {
  return {
    beatMs,
    content: null,
    sentAt: NEVER,
    beatAt: NEVER,
    newsAt: FOREVER,
    spokeAt: NEVER,
    lastSeq: 0,
    beats: 0,
    sayings: [],
  };
}

/** What the beats say from now on, as it was at `sentAt`; null: there are none. */
export function setContent(
  mouth: Mouth,
  content: BeatContent | null,
  sentAt: Instant,
  now: Instant,
): void {
  if (content !== null && (mouth.content === null || isNews(mouth.content, content))) {
    mouth.newsAt =
      now < add(mouth.spokeAt, NEWS_PAUSE_MS) ? add(mouth.spokeAt, NEWS_PAUSE_MS) : now;
  }
  if (mouth.beatAt === NEVER) mouth.beatAt = now;
  mouth.content = content;
  mouth.sentAt = sentAt;
}

/** Says this three times from now on, in the name of the node's incarnation of this moment. */
export function utter(mouth: Mouth, utterance: Utterance, now: Instant): void {
  const sender = mouth.content?.sender;
  if (sender === undefined) return;
  for (const part of inParts(utterance)) {
    const said = nextSeq(mouth, now);
    mouth.sayings.push({ sender, said, utterance: part, copies: COPIES, dueAt: now });
  }
  if (mouth.sayings.length > MAX_SAYINGS)
    mouth.sayings.splice(0, mouth.sayings.length - MAX_SAYINGS);
}

/** The messages to send now, which count as sent. `echoes` is asked only if a beat is due. */
export function speak(mouth: Mouth, echoes: () => readonly Echo[], now: Instant): WitnessMessage[] {
  const messages: WitnessMessage[] = [];
  for (const saying of mouth.sayings) {
    if (saying.dueAt > now) continue;
    messages.push(copyOf(mouth, saying, now));
  }
  if (messages.length > 0) mouth.sayings = mouth.sayings.filter(({ copies }) => copies > 0);
  const beat = dueBeat(mouth, echoes, now);
  if (beat !== undefined) messages.push(beat);
  return messages;
}

/** Nothing is due before; FOREVER if there is nothing to say. */
export function speakAt(mouth: Mouth): Instant {
  let next: Instant = FOREVER;
  if (mouth.content !== null) next = instant(Math.min(mouth.beatAt, mouth.newsAt));
  for (const { dueAt } of mouth.sayings) if (dueAt < next) next = dueAt;
  return next;
}

function dueBeat(mouth: Mouth, echoes: () => readonly Echo[], now: Instant): Beat | undefined {
  const { content, sentAt } = mouth;
  if (content === null || (now < mouth.beatAt && now < mouth.newsAt)) return undefined;
  // What an agent that is silent said last is not true any more.
  if (now >= add(sentAt, SELF_FENCE_MS)) {
    mouth.content = null;
    return undefined;
  }
  if (now >= mouth.beatAt) mouth.beatAt = nextOnGrid(mouth, now);
  mouth.newsAt = FOREVER;
  mouth.spokeAt = now;
  mouth.beats += 1;
  const { contactAgeMs } = content;
  return {
    ...content,
    kind: 'beat',
    seq: nextSeq(mouth, now),
    contactAgeMs: contactAgeMs === undefined ? undefined : contactAgeMs + (now - sentAt),
    echoes: rotated(echoes(), mouth.beats),
    echoesCut: false,
  };
}

/** What was missed is not made up for. */
function nextOnGrid({ beatAt, beatMs }: Mouth, now: Instant): Instant {
  return add(beatAt, beatMs * (Math.floor((now - beatAt) / beatMs) + 1));
}

/** Each stands first in its turn: what does not fit into one frame is in another. */
function rotated<T>(items: readonly T[], turn: number): readonly T[] {
  const start = items.length === 0 ? 0 : turn % items.length;
  return start === 0 ? items : [...items.slice(start), ...items.slice(0, start)];
}

function copyOf(mouth: Mouth, saying: Saying, now: Instant): Said {
  const { sender, said, utterance } = saying;
  saying.copies -= 1;
  saying.dueAt = add(now, utterance.kind === 'fence' ? FENCE_PAUSE_MS : COPY_PAUSE_MS);
  return { kind: 'said', sender, seq: nextSeq(mouth, now), said, utterance };
}

/** Time itself: it grows over restarts of the wire, and tells what was sent after what. */
function nextSeq(mouth: Mouth, now: Instant): number {
  mouth.lastSeq = Math.max(mouth.lastSeq + 1, seqAt(now));
  return mouth.lastSeq;
}

function isNews(before: BeatContent, after: BeatContent): boolean {
  return before !== after && wordsOf(before) !== wordsOf(after);
}

/** What makes a beat news: all but the ages. */
export function wordsOf({
  sender,
  leaving,
  fences,
  suspects,
  takeovers,
}: Omit<BeatContent, 'contactAgeMs'>): string {
  const taken = takeovers.map(({ vip, epoch }) => `${vip} ${epoch}`);
  return `${sender};${leaving};${fences.join()};${suspects.join()};${taken.join()}`;
}

/** VIPs by the frameful. */
function inParts(utterance: Utterance): readonly Utterance[] {
  if (utterance.kind === 'fence') return [utterance];
  const parts: Vip[][] = [];
  let room = 0;
  for (const vip of utterance.vips) {
    room -= vip.length + 2;
    if (room < 0 || parts.length === 0) {
      parts.push([]);
      room = MAX_VIP_BYTES - vip.length - 2;
    }
    parts.at(-1)?.push(vip);
  }
  return parts.map((vips) => ({ ...utterance, vips }));
}
