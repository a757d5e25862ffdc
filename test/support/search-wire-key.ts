import type { Instant } from '../../src/instant.ts';
import type { BeatContent, LinkHearing, Utterance } from '../../src/model.ts';
import type { Mouth } from '../../src/wire/mouth.ts';
import type { Witness } from '../../src/wire/witness.ts';
import type { WitnessMessage } from '../../src/witness/message.ts';
import type { ShapeWriter } from './search-shape.ts';
import type { SearchWire } from './search-wire.ts';

type Writer = ShapeWriter;

/** The wire, as `ShapeWriter` says. */
export function wireOf(
  to: Writer,
  { gate, witness, facts, table, tableOf }: SearchWire,
  now: Instant,
) {
  const { tickedAt, sentAt, until, suspectSince, held, incarnation, fenced } = gate;
  for (const each of [tickedAt, sentAt, until, suspectSince, facts.suspectSince]) to.time(each);
  to.text(`${held}/${incarnation}/${fenced}/${facts.selfFenced}`);
  to.map(table, (epoch) => to.rank('e', epoch));
  to.text(tableOf);
  if (witness === undefined) return;
  hearingOf(to, facts.hearing);
  witnessOf(to, witness, now);
}

function witnessOf(to: Writer, { ear, mouth, settling, wokeAt, judgesAt }: Witness, now: Instant) {
  const sequence = (seq: number) => to.time((seq / 1000) as Instant);
  for (const each of [settling.since, wokeAt, ear.asOf, ear.foreignAt, ear.unbrokenSince])
    to.time(each);
  to.due(judgesAt);
  to.map(settling.beats, (beats) => to.text(beats));
  sequence(ear.startSeq);
  to.map(ear.guard, ({ seq, beats, proven }) => {
    sequence(seq);
    to.text(`${Math.min(beats, 2)}${proven}`);
  });
  to.map(ear.peers, ({ seq, at, silent, hearing }, node) => {
    sequence(seq);
    to.time(at);
    to.text(silent);
    const peers = new Map(hearing && [[node, hearing]]);
    hearingOf(to, hearing && { asOf: at, foreignAt: at, unbrokenSince: at, peers });
  });
  // Copies come within two units.
  const recent = [...ear.said]
    .map((key) => key.split('#'))
    .filter(([, seq]) => now - Number(seq) / 1000 < 700);
  for (const [sender, seq] of recent.sort()) {
    to.text(sender);
    sequence(Number(seq));
  }
  mouthOf(to, mouth);
}

function mouthOf(to: Writer, mouth: Mouth): void {
  if (mouth.content === null) to.text('-');
  else beatOf(to, mouth.content);
  for (const each of [mouth.sentAt, mouth.spokeAt, (mouth.lastSeq / 1000) as Instant])
    to.time(each);
  for (const each of [mouth.beatAt, mouth.newsAt]) to.due(each);
  for (const { sender, said, utterance, copies, dueAt } of mouth.sayings) {
    to.text(`${sender}${copies}`);
    to.time((said / 1000) as Instant);
    to.due(dueAt);
    utteranceOf(to, utterance, sender);
  }
}

export function messageOf(to: Writer, message: WitnessMessage): void {
  to.text(message.kind);
  to.time((message.seq / 1000) as Instant);
  if (message.kind === 'beat') {
    beatOf(to, message);
    for (const { node, seq } of message.echoes.toSorted((a, b) => (a.node < b.node ? -1 : 1))) {
      to.text(node);
      to.time((seq / 1000) as Instant);
    }
    return;
  }
  to.text(message.sender);
  to.time((message.said / 1000) as Instant);
  utteranceOf(to, message.utterance, message.sender);
}

function beatOf(to: Writer, beat: BeatContent): void {
  to.text(beat.sender);
  to.text(beat.contactAgeMs);
  to.text(beat.leaving);
  to.set(beat.fences);
  to.set(beat.suspects);
  for (const { vip, epoch } of beat.takeovers) {
    to.text(vip);
    to.rank('e', epoch);
  }
}

function hearingOf(to: Writer, hearing: LinkHearing | undefined): void {
  if (hearing === undefined) {
    to.text('-');
    return;
  }
  to.time(hearing.asOf);
  to.time(hearing.foreignAt);
  to.time(hearing.unbrokenSince);
  to.map(hearing.peers, (peer) => {
    to.text(`${peer.id}${peer.leaving}`);
    to.time(peer.heardAt);
    to.time(peer.contactAt);
    for (const set of [peer.fences, peer.suspects, peer.hears]) to.set(set);
    for (const { vip, epoch } of peer.takeovers) {
      to.text(vip);
      to.rank('e', epoch);
    }
  });
}

export function utteranceOf(to: Writer, utterance: Utterance, sender: string): void {
  to.text(utterance.kind);
  if (utterance.kind === 'fence') return;
  to.set(utterance.vips);
  // Counted by the process of the sender that lives: an older one says nothing more.
  if (utterance.kind === 'release') to.rank(`u${sender}`, utterance.upTo);
  else to.text(utterance.to);
}
