import type { IncarnationId, Takeover, Utterance, Vip } from '../model.ts';
import {
  bigUint64,
  type Cursor,
  concat,
  readBigUint64,
  readMany,
  readText,
  readUint,
  readUint64,
  text,
  uint8,
  uint16,
  uint32,
  uint64,
} from './bytes.ts';
import { incarnationParts } from './incarnation.ts';
import type { Beat, Echo, Stamp, WitnessMessage } from './message.ts';

/** What kind of message follows; the numbers of version 1. */
export const KINDS = { beat: 1, release: 2, ready: 3, fence: 4 } as const;
type KindNumber = (typeof KINDS)[keyof typeof KINDS];

const LEAVING = 1;
const ECHOES_CUT = 2;
const NO_CONTACT = 0xffff_ffff;
const MAX_AGE = 0xffff_fffe;

/** Ages come from the clocks of two processes, which may differ by a moment. */
const ageOf = (ms: number) => Math.min(Math.max(0, ms), MAX_AGE);
const MAX_LIST = 255;
/** Flags, age, and the lengths of the four lists. */
const FIXED_BEAT = 9;
/** Kept free for takeovers: they fill up what is left, a failover of a thousand VIPs must not cut the rest. */
const TAKEOVER_ROOM = 128;

/** The number that stands for the kind of a message. */
export function kindNumber(message: WitnessMessage): KindNumber {
  return message.kind === 'beat' ? KINDS.beat : KINDS[message.utterance.kind];
}

/** Whether there is such a kind. */
export function isKindNumber(value: number): value is KindNumber {
  return value >= KINDS.beat && value <= KINDS.fence;
}

/**
 * What follows the header, in `room` bytes at most: lists that are too long are cut. Of each list as
 * much is kept as of the others, what stands first in it for longest.
 */
export function emitBody(message: WitnessMessage, room: number): Uint8Array {
  return message.kind === 'beat'
    ? emitBeat(message, room)
    : emitUtterance(message.utterance, message.said, room);
}

/** The message of this kind; the cursor is broken afterwards if it is none. */
export function readBody(cursor: Cursor, kind: KindNumber, stamp: Stamp): WitnessMessage {
  if (kind === KINDS.beat) return readBeat(cursor, stamp);
  const said = readUint64(cursor);
  return { ...stamp, kind: 'said', said, utterance: readUtterance(cursor, kind) };
}

function emitBeat(beat: Beat, room: number): Uint8Array {
  const left = room - FIXED_BEAT - TAKEOVER_ROOM;
  const lists = cut(
    [
      beat.fences.map(text),
      beat.suspects.map(text),
      beat.echoes.map(({ node, seq }) => concat([text(node), uint64(seq)])),
    ],
    left,
  );
  const takeovers = beat.takeovers
    .slice(0, MAX_LIST)
    .map(({ vip, epoch }) => concat([text(vip), bigUint64(epoch)]));
  lists.push(...cut([takeovers], left + TAKEOVER_ROOM - sizeOf(lists)));
  const isCut = beat.echoesCut || (lists[2]?.length ?? 0) < beat.echoes.length;
  const flags = (beat.leaving ? LEAVING : 0) | (isCut ? ECHOES_CUT : 0);
  // An age is never told shorter than it is.
  const { contactAgeMs } = beat;
  const age = contactAgeMs === undefined ? NO_CONTACT : ageOf(Math.ceil(contactAgeMs));
  const parts = lists.flatMap((items) => [uint8(items.length), ...items]);
  return concat([uint8(flags), uint32(age), ...parts]);
}

function readBeat(cursor: Cursor, stamp: Stamp): Beat {
  const flags = readUint(cursor, 1);
  const age = readUint(cursor, 4);
  return {
    ...stamp,
    kind: 'beat',
    leaving: (flags & LEAVING) !== 0,
    echoesCut: (flags & ECHOES_CUT) !== 0,
    contactAgeMs: age === NO_CONTACT ? undefined : age,
    fences: readMany(cursor, readUint(cursor, 1), readIncarnation),
    suspects: readMany(cursor, readUint(cursor, 1), readIncarnation),
    echoes: readMany(cursor, readUint(cursor, 1), readEcho),
    takeovers: readMany(cursor, readUint(cursor, 1), readTakeover),
  };
}

function emitUtterance(utterance: Utterance, said: number, room: number): Uint8Array {
  switch (utterance.kind) {
    case 'fence':
      return uint64(said);
    case 'release': {
      const head = concat([uint64(said), uint64(utterance.upTo)]);
      return concat([head, emitVips(utterance.vips, room - head.length)]);
    }
    case 'ready': {
      const head = concat([uint64(said), text(utterance.to), bigUint64(utterance.revision)]);
      return concat([head, emitVips(utterance.vips, room - head.length)]);
    }
  }
}

function readUtterance(cursor: Cursor, kind: Exclude<KindNumber, 1>): Utterance {
  switch (kind) {
    case KINDS.fence:
      return { kind: 'fence' };
    case KINDS.release: {
      const upTo = readUint64(cursor);
      return { kind: 'release', vips: readVips(cursor), upTo };
    }
    case KINDS.ready: {
      const to = readIncarnation(cursor);
      const revision = readBigUint64(cursor);
      return { kind: 'ready', to, vips: readVips(cursor), revision };
    }
  }
}

function emitVips(vips: readonly Vip[], room: number): Uint8Array {
  const [items = []] = cut([vips.map(text)], room - 2);
  return concat([uint16(items.length), ...items]);
}

function readVips(cursor: Cursor): readonly Vip[] {
  return readMany(cursor, readUint(cursor, 2), readText);
}

/** The sender of a message, or one that it names. */
export function readIncarnation(cursor: Cursor): IncarnationId {
  const id = readText(cursor);
  if (incarnationParts(id) === undefined) cursor.broken = true;
  return id;
}

function readEcho(cursor: Cursor): Echo {
  return { node: readText(cursor), seq: readUint64(cursor) };
}

function readTakeover(cursor: Cursor): Takeover {
  return { vip: readText(cursor), epoch: readBigUint64(cursor) };
}

/** The first items of every list, in turns, until the next does not fit. */
function cut(lists: readonly (readonly Uint8Array[])[], room: number): Uint8Array[][] {
  const kept: Uint8Array[][] = lists.map(() => []);
  let left = room;
  const longest = Math.min(MAX_LIST, Math.max(0, ...lists.map((list) => list.length)));
  for (let turn = 0; turn < longest; turn++) {
    for (const [index, list] of lists.entries()) {
      const item = list[turn];
      // A list that has lost one item ends there: what stands first matters most.
      if (item === undefined || kept[index]?.length !== turn || item.length > left) continue;
      kept[index]?.push(item);
      left -= item.length;
    }
  }
  return kept;
}

function sizeOf(lists: readonly (readonly Uint8Array[])[]): number {
  return lists.flat().reduce((sum, { length }) => sum + length, 0);
}
