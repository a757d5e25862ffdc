import { ETHERNET_HEADER_LENGTH, frameOf } from '../net/ethernet.ts';
import { emitBody, isKindNumber, kindNumber, readBody, readIncarnation } from './body.ts';
import {
  concat,
  cursorOver,
  isWhole,
  readUint,
  readUint64,
  text,
  uint8,
  uint32,
  uint64,
} from './bytes.ts';
import type { WitnessMessage } from './message.ts';
import { type KeyRing, type Seal, TAG_LENGTH } from './seal.ts';

/** IEEE 802 local experimental. */
export const ETHERTYPE_WITNESS = 0x88b5;
/** A locally administered group address: switches flood it, no station takes it for its own. */
export const WITNESS_GROUP: Uint8Array = Uint8Array.of(0x03, 0x4c, 0x48, 0x00, 0x00, 0x01);
const VERSION = 1;
export const MAX_FRAME_LENGTH = 1514;

/** Version, kind, key id, cluster, sequence number: before the sender, which has no fixed length. */
const FIXED = ETHERNET_HEADER_LENGTH;
const KIND_OFFSET = FIXED + 1;
const KEY_OFFSET = FIXED + 2;
const CLUSTER_OFFSET = FIXED + 6;
const CLUSTER_LENGTH = 16;
const SEQ_OFFSET: number = CLUSTER_OFFSET + CLUSTER_LENGTH;
const MIN_LENGTH: number = SEQ_OFFSET + 8 + 2 + TAG_LENGTH;

/** Why a frame is no message that anybody here believes; also the label of its metric. */
export type FrameFault =
  | 'short'
  | 'version'
  | 'kind'
  | 'cluster'
  | 'key'
  | 'signature'
  | 'malformed';

/**
 * The signed frame of a message, 1,514 bytes at most; its lists are cut to fit. `mac` is that of the
 * link which sends it. Throws RangeError if the ring has no key.
 */
export function emitFrame(message: WitnessMessage, ring: KeyRing, mac: Uint8Array): Uint8Array {
  const [seal] = ring.seals;
  if (seal === undefined) throw new RangeError('A ring without keys cannot sign; give it one');
  const header = concat([
    uint8(VERSION),
    uint8(kindNumber(message)),
    uint32(seal.keyId),
    ring.cluster,
    uint64(message.seq),
    text(message.sender),
  ]);
  const room = MAX_FRAME_LENGTH - FIXED - header.length - TAG_LENGTH;
  const signed = concat([header, emitBody(message, room)]);
  const frame = frameOf(
    { destination: WITNESS_GROUP, source: mac, etherType: ETHERTYPE_WITNESS },
    FIXED + signed.length + TAG_LENGTH,
  );
  frame.set(signed, FIXED);
  frame.set(seal.tag(signed), FIXED + signed.length);
  return frame;
}

/**
 * The message in a frame of our EtherType, or what is wrong with it. Nothing but the header is
 * looked at before the signature was found right.
 */
export function openFrame(frame: Uint8Array, ring: KeyRing): WitnessMessage | FrameFault {
  if (frame.length < MIN_LENGTH) return 'short';
  if (frame[FIXED] !== VERSION) return 'version';
  const kind = frame[KIND_OFFSET] ?? 0;
  if (!isKindNumber(kind)) return 'kind';
  for (let i = 0; i < CLUSTER_LENGTH; i++) {
    if (frame[CLUSTER_OFFSET + i] !== ring.cluster[i]) return 'cluster';
  }
  const end = frame.length - TAG_LENGTH;
  const keyId = readUint(cursorOver(frame, KEY_OFFSET, end), 4);
  const seals = ring.seals.filter((seal) => seal.keyId === keyId);
  if (seals.length === 0) return 'key';
  if (!seals.some((seal) => isTagged(frame, end, seal))) return 'signature';
  const cursor = cursorOver(frame, SEQ_OFFSET, end);
  const seq = readUint64(cursor);
  const sender = readIncarnation(cursor);
  const message = readBody(cursor, kind, { sender, seq });
  return isWhole(cursor) ? message : 'malformed';
}

/** In constant time: how much of a guess is right must not be told by how long the answer takes. */
function isTagged(frame: Uint8Array, end: number, seal: Seal): boolean {
  const tag = seal.tag(frame.subarray(FIXED, end));
  let difference = 0;
  for (let i = 0; i < TAG_LENGTH; i++) difference |= (tag[i] ?? 0) ^ (frame[end + i] ?? 0);
  return difference === 0;
}
