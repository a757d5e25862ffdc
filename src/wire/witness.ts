import { add, type Instant, instant, NEVER } from '../instant.ts';
import type { LinkHearing, Neighbour, NodeName, Utterance } from '../model.ts';
import { incarnationParts } from '../witness/incarnation.ts';
import type { Beat, WitnessMessage } from '../witness/message.ts';
import { type Asking, isAnswer, nextQuestion, noAsking, takeQuestions } from './asking.ts';
import {
  type Ear,
  echoesOf,
  echoOfUs,
  hearingOf,
  listen,
  nextSilence,
  noteForeign,
  openEar,
  seqAt,
  settleSilence,
} from './ear.ts';
import { fence, type Gate, isFenced, permit, selfFenceAt, settle } from './gate.ts';
import type { FromWire, Grant, WitnessSettings } from './messages.ts';
import { type Mouth, openMouth, setContent, speak, speakAt, utter } from './mouth.ts';

/** That nothing at all is heard is told so often. */
const QUIET_MS = 200;
/** After so many beats of one peer that answer us, nothing has happened during a gap of ours. */
const SETTLING_BEATS = 2;
/** A wire that was not woken for so long has stalled: frames may wait in its socket. */
const STALL_MS = 100;
const TICK_MS = 50;
/** It is given this long to hear them before it calls anybody silent. */
const CATCH_UP_MS = 20;

/**
 * The witness of one link: what it hears, what it says, and what that means for the gate. The same
 * in production and in simulation. Changed only by the functions of this file.
 */
export interface Witness {
  readonly ear: Ear;
  readonly mouth: Mouth;
  readonly gate: Gate;
  readonly asking: Asking;
  readonly settling: { since: Instant | null; readonly beats: Map<NodeName, number> };
  wokeAt: Instant;
  /** Nobody is called silent before. */
  judgesAt: Instant;
  /** What the newest pong told of. */
  told: { readonly beats: number; readonly foreignAt: Instant; readonly asOf: Instant };
}

/** What to send, in this order, and what to tell the agent. */
export interface Outcome {
  readonly say: readonly WitnessMessage[];
  readonly report: readonly FromWire[];
}

/** What comes of being woken: with it, whom to ask for on the link. */
export interface Waking extends Outcome {
  readonly ask: readonly Neighbour[];
}

/** What came of a message; `dropped` names why it was not believed. */
export interface Reception extends Outcome {
  readonly dropped: 'own' | 'replayed' | undefined;
  /** Its sender had fallen silent: the segment may have been in two parts. */
  readonly isBack: boolean;
}

const NO_OUTCOME: Outcome = { say: [], report: [] };

/** A witness that has heard nobody; `now` is when it starts. */
export function openWitness(
  settings: Omit<WitnessSettings, 'keys' | 'clusterUid'>,
  gate: Gate,
  now: Instant,
): Witness {
  return {
    ear: openEar(settings, now),
    mouth: openMouth(settings.beatMs),
    gate,
    asking: noAsking(),
    settling: { since: null, beats: new Map() },
    wokeAt: now,
    judgesAt: now,
    told: { beats: -1, foreignAt: NEVER, asOf: now },
  };
}

/** A permit of the agent has come: for the gate, and for the beats. */
export function granted(witness: Witness, grant: Grant, now: Instant): Outcome {
  const { gate, mouth } = witness;
  // A permit that comes after the deadline is not the one that it waited for.
  const report = selfFence(witness, now);
  permit(gate, grant, now);
  witness.asking.neighbours = grant.ask;
  setContent(mouth, isFenced(gate) ? null : grant.beat, grant.sentAt, now);
  return { say: spoken(witness, now), report };
}

/** The agent has something to say. */
export function told(witness: Witness, utterance: Utterance, now: Instant): Outcome {
  const report = selfFence(witness, now);
  utter(witness.mouth, utterance, now);
  return { say: spoken(witness, now), report };
}

/** An authentic message has come. */
export function heard(witness: Witness, message: WitnessMessage, now: Instant): Reception {
  const result = listen(witness.ear, message, now);
  if (result.kind === 'dropped') return { ...NO_OUTCOME, dropped: result.reason, isBack: false };
  const report: FromWire[] = [];
  if (message.kind === 'beat') report.push(...heedFences(witness, message, now));
  if (result.kind === 'told') {
    report.push({ kind: 'told', from: message.sender, at: now, utterance: result.utterance });
  }
  if (result.kind === 'beat') {
    if (message.kind === 'beat') settleByEcho(witness, result.node, message);
    if (result.news !== 'none') report.push({ kind: 'heard', hearing: hearingOf(witness.ear) });
  }
  const isBack = result.kind === 'beat' && result.news === 'back';
  return { say: [], report, dropped: undefined, isBack };
}

/**
 * To be called by one timer only, at `wakeAt`: whatever had come in when it was called last has been
 * handed to `heard` meanwhile.
 */
export function wake(witness: Witness, now: Instant): Waking {
  const report = selfFence(witness, now);
  if (now > add(witness.wokeAt, STALL_MS)) witness.judgesAt = add(now, CATCH_UP_MS);
  const silent = now >= witness.judgesAt && settleSilence(witness.ear, witness.wokeAt);
  witness.wokeAt = now;
  if (silent) report.push({ kind: 'heard', hearing: hearingOf(witness.ear) });
  const ask = takeQuestions(witness.asking, witness.ear, now);
  return { say: spoken(witness, now), report, ask };
}

/** A frame of another host that is no message of the witness has come, at `at` or later. */
export function heardForeign({ ear, asking }: Witness, at: Instant): Outcome {
  noteForeign(ear, at);
  if (!isAnswer(asking, at)) return NO_OUTCOME;
  return { say: [], report: [{ kind: 'heard', hearing: hearingOf(ear) }] };
}

/** When to call `wake` next. */
export function wakeAt({ ear, mouth, gate, asking, wokeAt, judgesAt }: Witness): Instant {
  const silence = nextSilence(ear);
  // What is in the socket by then has to be heard first: a silence is looked at a second time.
  const silentAt = Math.max(judgesAt, silence <= wokeAt ? add(wokeAt, 1) : silence);
  const says = Math.min(speakAt(mouth), selfFenceAt(gate), nextQuestion(asking, ear));
  return instant(Math.min(silentAt, says, add(wokeAt, TICK_MS)));
}

/** All that was heard, if there was anything since the last call: for the pong. */
export function takeNews(witness: Witness): LinkHearing | undefined {
  const { ear, told } = witness;
  const { asOf, beats, foreignAt } = ear;
  const isNews = told.beats !== beats || told.foreignAt !== foreignAt;
  if (!isNews && asOf < add(told.asOf, QUIET_MS)) return undefined;
  witness.told = { beats, foreignAt, asOf };
  return hearingOf(ear);
}

function spoken({ mouth, ear }: Witness, now: Instant): readonly WitnessMessage[] {
  return speak(mouth, () => echoesOf(ear, now), now);
}

/** Design 4.4.2: no word of the agent for so long ends its incarnation, for good and for all to hear. */
function selfFence({ gate, mouth }: Witness, now: Instant): FromWire[] {
  if (now < selfFenceAt(gate)) return [];
  const { incarnation } = gate;
  fence(gate, incarnation);
  utter(mouth, { kind: 'fence' }, now);
  setContent(mouth, null, mouth.sentAt, now);
  return [{ kind: 'self-fenced', incarnation }];
}

/** A peer has published that our incarnation is dead: nothing more leaves for it. */
function heedFences({ gate, mouth }: Witness, { fences }: Beat, now: Instant): FromWire[] {
  const own = mouth.content?.sender;
  if (own === undefined || !fences.includes(own)) return [];
  const incarnation = incarnationParts(own)?.number ?? 0;
  if (incarnation === 0) return [];
  fence(gate, incarnation);
  setContent(mouth, null, mouth.sentAt, now);
  return [{ kind: 'self-fenced', incarnation }];
}

/**
 * I8, with the API away: a peer that answers what we said after the gap, and says no word of a fence
 * on us, has not taken us for dead.
 */
function settleByEcho({ gate, settling, ear, mouth }: Witness, node: NodeName, beat: Beat): void {
  const since = gate.suspectSince;
  if (since !== settling.since) {
    settling.since = since;
    settling.beats.clear();
  }
  if (since === null || !gate.held) return;
  const own = mouth.content?.sender;
  if (own === undefined || beat.fences.includes(own)) return;
  if ((echoOfUs(ear, beat) ?? -1) < seqAt(since)) return;
  const beats = (settling.beats.get(node) ?? 0) + 1;
  settling.beats.set(node, beats);
  if (beats >= SETTLING_BEATS) settle(gate);
}
