import { silencePatience } from '../election/timing.ts';
import { add, FOREVER, type Instant, NEVER } from '../instant.ts';
import type { Hearing, LinkHearing, NodeName, Utterance } from '../model.ts';
import { type IncarnationParts, incarnationParts } from '../witness/incarnation.ts';
import type { Beat, Echo, Said, WitnessMessage } from '../witness/message.ts';
import { accept, type ReplayGuard, type Stream } from '../witness/replay.ts';

/** A segment has 32 speakers and a few that come and go. */
const MAX_PEERS = 128;
/** Utterances remembered, to tell their copies from new ones. */
const MAX_SAID = 512;

/** What is heard on one link. Changed only by the functions of this file. */
export interface Ear {
  readonly node: NodeName;
  readonly bootId: string;
  readonly beatMs: number;
  /** One beat is missing after so long. */
  readonly missedMs: number;
  readonly silentMs: number;
  readonly contactMs: number;
  /** A peer that echoes this or a later number of ours has heard us since we started. */
  readonly startSeq: number;
  readonly guard: ReplayGuard;
  readonly peers: Map<NodeName, Peer>;
  readonly said: Set<string>;
  /** All that had come in by then is counted. */
  asOf: Instant;
  /** Beats of peers that were believed. */
  beats: number;
  foreignAt: Instant;
  /** Since then foreign frames have come without a gap that would be a silence. */
  unbrokenSince: Instant;
}

interface Peer {
  /** Of its newest message, proven to be of today or not: what we echo. */
  seq: number;
  at: Instant;
  hearing: Hearing | undefined;
  silent: boolean;
}

export interface EarOptions {
  readonly node: NodeName;
  readonly bootId: string;
  readonly beatMs: number;
  readonly silentBeats: number;
  readonly contactMs: number;
}

/** What the agent is to be told at once: `back` is a peer that had fallen silent. */
type News = 'none' | 'changed' | 'back';

/** What came of a message. */
export type Heard =
  | { readonly kind: 'dropped'; readonly reason: 'own' | 'replayed' }
  | { readonly kind: 'beat'; readonly node: NodeName; readonly news: News }
  | { readonly kind: 'told'; readonly utterance: Utterance }
  | { readonly kind: 'nothing' };

const NOTHING: Heard = { kind: 'nothing' };

/** An ear that has heard nobody; `now` is when its wire starts. */
export function openEar(options: EarOptions, now: Instant): Ear {
  return {
    node: options.node,
    bootId: options.bootId,
    beatMs: options.beatMs,
    missedMs: silencePatience({ silentBeats: 1, beatInterval: options.beatMs }),
    silentMs: silencePatience({ ...options, beatInterval: options.beatMs }),
    contactMs: options.contactMs,
    startSeq: seqAt(now),
    guard: new Map(),
    peers: new Map(),
    said: new Set(),
    asOf: now,
    beats: 0,
    foreignAt: NEVER,
    unbrokenSince: NEVER,
  };
}

/** The lowest sequence number of a message that is sent at `now`. */
export function seqAt(now: Instant): number {
  return Math.floor(now * 1000);
}

/** Takes in an authentic message that has come at `now`. */
export function listen(ear: Ear, message: WitnessMessage, now: Instant): Heard {
  const sender = incarnationParts(message.sender);
  if (sender === undefined || isOwn(ear, sender)) return { kind: 'dropped', reason: 'own' };
  const stream = accept(ear.guard, sender, message.seq);
  if (stream === 'replayed') return { kind: 'dropped', reason: 'replayed' };
  noteForeign(ear, now);
  const peer = peerOf(ear, sender.node);
  const counts = !isOutranked(ear, peer, sender, now);
  if (counts) {
    peer.seq = message.seq;
    peer.at = now;
  }
  if (message.kind === 'said') return hearSaid(ear, message, stream);
  stream.beats += 1;
  stream.proven ||= stream.beats > 1 && answersUs(ear, message);
  if (!stream.proven || !counts) return NOTHING;
  ear.beats += 1;
  return { kind: 'beat', node: sender.node, news: hearBeat(ear, peer, message, now) };
}

/** Of this machine since it was started; another machine under our name is somebody else. */
function isOwn({ node, bootId }: Ear, sender: IncarnationParts): boolean {
  return sender.node === node && sender.bootId === bootId;
}

/**
 * Of two machines under one name the one of the later incarnation speaks for it, and the other is not heard as
 * long as it does. (An agent that waits for the other to end has none at all.)
 */
function isOutranked(ear: Ear, { hearing }: Peer, sender: IncarnationParts, now: Instant): boolean {
  const known = hearing && incarnationParts(hearing.id);
  if (hearing === undefined || known === undefined || known.bootId === sender.bootId) return false;
  return known.number > sender.number && now < add(hearing.heardAt, ear.silentMs);
}

/** A frame of another host has come, at `at` or later. */
export function noteForeign(ear: Ear, at: Instant): void {
  if (at <= ear.foreignAt) return;
  if (at >= add(ear.foreignAt, ear.silentMs)) ear.unbrokenSince = at;
  ear.foreignAt = at;
}

/**
 * All that had come in by `asOf` has been taken in: whoever was silent for too long by then is
 * silent. Returns whether anybody has just become so.
 */
export function settleSilence(ear: Ear, asOf: Instant): boolean {
  if (asOf <= ear.asOf) return false;
  ear.asOf = asOf;
  let crossed = false;
  for (const peer of ear.peers.values()) {
    if (peer.silent || peer.hearing === undefined) continue;
    if (asOf < add(peer.hearing.heardAt, ear.silentMs)) continue;
    peer.silent = true;
    crossed = true;
  }
  return crossed;
}

/** When the next peer will have been silent for too long if nothing comes; FOREVER if there is none. */
export function nextSilence(ear: Ear): Instant {
  let next: Instant = FOREVER;
  for (const { silent, hearing } of ear.peers.values()) {
    if (silent || hearing === undefined) continue;
    const at = add(hearing.heardAt, ear.silentMs);
    if (at < next) next = at;
  }
  return next;
}

/** What to echo: the newest number of everybody who is not silent. */
export function echoesOf(ear: Ear, now: Instant): readonly Echo[] {
  const echoes: Echo[] = [];
  for (const [node, { seq, at }] of ear.peers) {
    if (now < add(at, ear.silentMs)) echoes.push({ node, seq });
  }
  return echoes;
}

/** All that was heard. */
export function hearingOf(ear: Ear): LinkHearing {
  const peers = new Map<NodeName, Hearing>();
  for (const [node, { hearing }] of ear.peers) if (hearing !== undefined) peers.set(node, hearing);
  const { asOf, foreignAt, unbrokenSince } = ear;
  return { asOf, foreignAt, unbrokenSince, peers };
}

/** The echo of one of our own messages in a beat: its number, or undefined. */
export function echoOfUs(ear: Ear, beat: Beat): number | undefined {
  return beat.echoes.find(({ node }) => node === ear.node)?.seq;
}

function answersUs(ear: Ear, beat: Beat): boolean {
  return (echoOfUs(ear, beat) ?? -1) >= ear.startSeq;
}

function peerOf(ear: Ear, node: NodeName): Peer {
  const known = ear.peers.get(node);
  if (known !== undefined) return known;
  const peer: Peer = { seq: 0, at: NEVER, hearing: undefined, silent: false };
  ear.peers.set(node, peer);
  if (ear.peers.size > MAX_PEERS) forgetOne(ear, node);
  return peer;
}

/** Forgets who has been silent longest, this node excepted. */
function forgetOne(ear: Ear, except: NodeName): void {
  let longest: NodeName | undefined;
  let since: Instant = FOREVER;
  for (const [node, { at }] of ear.peers) {
    if (node === except || at >= since) continue;
    longest = node;
    since = at;
  }
  if (longest !== undefined) ear.peers.delete(longest);
}

function hearSaid(ear: Ear, { sender, said, utterance }: Said, stream: Stream): Heard {
  const key = `${sender}#${said}`;
  if (ear.said.has(key)) return NOTHING;
  // A release and a fence are true for ever, a recording of them included; a successor that was
  // ready once may not be so any more.
  if (utterance.kind === 'ready' && !stream.proven) return NOTHING;
  ear.said.add(key);
  for (const oldest of ear.said) {
    if (ear.said.size <= MAX_SAID) break;
    ear.said.delete(oldest);
  }
  return { kind: 'told', utterance };
}

function hearBeat(ear: Ear, peer: Peer, beat: Beat, now: Instant): News {
  const before = peer.hearing;
  const { contactAgeMs, leaving, fences, suspects, takeovers } = beat;
  const echoed = beat.echoes.map(({ node }) => node);
  const hearing: Hearing = {
    id: beat.sender,
    heardAt: now,
    contactAt: contactAgeMs === undefined ? undefined : add(now, -contactAgeMs),
    leaving,
    fences,
    suspects,
    // A list that was cut names the others next time.
    hears: beat.echoesCut ? [...new Set([...echoed, ...(before?.hears ?? [])])] : echoed,
    takeovers,
  };
  const wasSilent = peer.silent;
  peer.hearing = hearing;
  peer.silent = false;
  if (wasSilent) return 'back';
  return before === undefined || differs(before, hearing, ear.contactMs) ? 'changed' : 'none';
}

function differs(a: Hearing, b: Hearing, contactMs: number): boolean {
  return (
    a.id !== b.id ||
    a.leaving !== b.leaving ||
    isFresh(a, contactMs) !== isFresh(b, contactMs) ||
    !areSame(a.fences, b.fences) ||
    !areSame(a.suspects, b.suspects) ||
    !areSame(
      a.takeovers.map(({ vip, epoch }) => `${vip} ${epoch}`),
      b.takeovers.map(({ vip, epoch }) => `${vip} ${epoch}`),
    )
  );
}

function isFresh({ heardAt, contactAt }: Hearing, contactMs: number): boolean {
  return contactAt !== undefined && heardAt - contactAt < contactMs;
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
