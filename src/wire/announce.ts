import type { GratuitousForm } from '../arp/gratuitous.ts';
import { add, FOREVER, type Instant, NEVER } from '../instant.ts';

/**
 * When the forms are sent, counted from the takeover: dense at first, since the first frames may be
 * lost.
 */
const BURST_MS: readonly number[] = [0, 100, 500, 1600, 3200, 6400];
/** Switches forget after 300 s, gateways after minutes: silence would let an address fade away. */
const REFRESH_MS = 60_000;
const REFRESH_JITTER = 0.2;
/** Per link. More would look like a storm to a switch. */
const FRAMES_PER_MS = 2;
/** How much unused pace may be saved up: what one late timer may make up for. */
const MAX_ALLOWANCE = 40;
/** Peers that come back one after the other: a burst lasts longer. */
const OCCASION_MS = 2000;

/** A gratuitous frame that is due. */
export interface Announcement {
  readonly ip: number;
  readonly form: GratuitousForm;
}

/**
 * What was announced and what comes next, for all VIPs of a link. Changed only by the functions of
 * this file.
 */
export interface Announcer {
  readonly vips: Map<number, Progress>;
  allowance: number;
  countedAt: Instant;
  /** No frame is due before it. */
  wakeAt: Instant;
  startedOverAt: Instant;
}

interface Progress {
  readonly epoch: string;
  /**
   * Frames sent in this epoch: even numbers stand for the request form, odd ones for the reply
   * form.
   */
  sent: number;
  dueAt: Instant;
}

/** An announcer without VIPs. */
export function idleAnnouncer(now: Instant): Announcer {
  return {
    vips: new Map(),
    allowance: MAX_ALLOWANCE,
    countedAt: now,
    wakeAt: FOREVER,
    startedOverAt: NEVER,
  };
}

/**
 * Sets the VIPs to announce: a new one, and one with a new epoch, starts its burst now; the others
 * go on as they are.
 */
export function setVips(
  announcer: Announcer,
  epochs: ReadonlyMap<number, string>,
  now: Instant,
): void {
  for (const ip of announcer.vips.keys()) {
    if (!epochs.has(ip)) announcer.vips.delete(ip);
  }
  for (const [ip, epoch] of epochs) {
    if (announcer.vips.get(ip)?.epoch === epoch) continue;
    announcer.vips.set(ip, { epoch, sent: 0, dueAt: now });
    announcer.wakeAt = now;
  }
}

/** Starts the burst of every VIP again: what was announced is not true any more, such as a MAC. */
export function announceAgain(announcer: Announcer, now: Instant): void {
  for (const progress of announcer.vips.values()) {
    progress.sent = 0;
    progress.dueAt = now;
    announcer.wakeAt = now;
  }
}

/** Like `announceAgain`, for an occasion that may come in pieces: once in 2 s at most. */
export function startOver(announcer: Announcer, now: Instant): void {
  if (now < add(announcer.startedOverAt, OCCASION_MS)) return;
  announcer.startedOverAt = now;
  announceAgain(announcer, now);
}

/**
 * The frames to send now, within the pace of the link, and counts them as sent. Of all that is due,
 * the first frame of every VIP comes before the second of any. `random` spreads the refreshes.
 */
export function takeDue(announcer: Announcer, random: () => number, now: Instant): Announcement[] {
  if (now < announcer.wakeAt) return [];
  accrue(announcer, now);
  const waiting = [...announcer.vips].filter(([, progress]) => progress.dueAt <= now);
  const frames: Announcement[] = [];
  // One round gives every VIP that is furthest behind one frame; `sent` decides who that is.
  while (waiting.length > 0 && announcer.allowance >= 1) {
    const least = Math.min(...new Set(waiting.map(([, { sent }]) => sent)));
    for (const [ip, progress] of waiting) {
      if (progress.sent !== least || announcer.allowance < 1) continue;
      frames.push({ ip, form: progress.sent % 2 === 0 ? 'request' : 'reply' });
      advance(progress, random, now);
      announcer.allowance -= 1;
    }
    removeWhere(waiting, ([, progress]) => progress.dueAt > now);
  }
  announcer.wakeAt = nextWake(announcer, now);
  return frames;
}

function advance(progress: Progress, random: () => number, now: Instant): void {
  progress.sent += 1;
  if (progress.sent % 2 === 1) return;
  const round = progress.sent / 2;
  const at = BURST_MS[round];
  const before = BURST_MS[round - 1];
  // From the frame before, not from the takeover: pacing and a shut gate shift the burst, they do
  // not squeeze it.
  const pause =
    at === undefined || before === undefined
      ? REFRESH_MS * (1 + REFRESH_JITTER * (2 * random() - 1))
      : at - before;
  progress.dueAt = add(now, pause);
}

function accrue(announcer: Announcer, now: Instant): void {
  const earned = (now - announcer.countedAt) * FRAMES_PER_MS;
  announcer.allowance = Math.min(MAX_ALLOWANCE, announcer.allowance + earned);
  announcer.countedAt = now;
}

function nextWake(announcer: Announcer, now: Instant): Instant {
  let wakeAt: Instant = FOREVER;
  for (const { dueAt } of announcer.vips.values()) {
    if (dueAt < wakeAt) wakeAt = dueAt;
  }
  // What the pace has held back waits for the next frames of allowance.
  return wakeAt <= now ? add(now, MAX_ALLOWANCE / FRAMES_PER_MS / 2) : wakeAt;
}

function removeWhere<T>(items: T[], unwanted: (item: T) => boolean): void {
  let kept = 0;
  for (const item of items) {
    if (!unwanted(item)) items[kept++] = item;
  }
  items.length = kept;
}
