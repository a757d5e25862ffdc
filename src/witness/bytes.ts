/** Numbers and texts as bytes in network order. Texts are printable ASCII. */

/** Of one half of eight bytes. */
const TWO_TO_32 = 0x1_0000_0000;

export function uint8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

export function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** Eight bytes of a safe integer. */
export function uint64(value: number): Uint8Array {
  return concat([uint32(Math.floor(value / TWO_TO_32)), uint32(value % TWO_TO_32)]);
}

/** Eight bytes of an unsigned number of at most 64 bits. */
export function bigUint64(value: bigint): Uint8Array {
  return concat([
    uint32(Number((value >> 32n) & 0xffff_ffffn)),
    uint32(Number(value & 0xffff_ffffn)),
  ]);
}

/** Length in two bytes, and the characters. */
export function text(value: string): Uint8Array {
  return concat([uint16(value.length), Uint8Array.from(value, (char) => char.charCodeAt(0))]);
}

/** The parts one after the other. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * A place in a message. Once something did not make sense it is `broken`, and reads zeros and empty
 * texts: so it is enough to ask once, at the end.
 */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  broken: boolean;
}

export function cursorOver(bytes: Uint8Array, at: number, end: number): Cursor {
  return { bytes, at, end, broken: end > bytes.length };
}

/** Everything was read, nothing was missing or made no sense. */
export function isWhole(cursor: Cursor): boolean {
  return !cursor.broken && cursor.at === cursor.end;
}

/** A number of `width` bytes, six at most. */
export function readUint(cursor: Cursor, width: 1 | 2 | 4): number {
  const from = take(cursor, width);
  if (from === undefined) return 0;
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 0x100 + (cursor.bytes[from + i] ?? 0);
  return value;
}

/** Eight bytes that hold a safe integer. */
export function readUint64(cursor: Cursor): number {
  const high = readUint(cursor, 4);
  const value = high * TWO_TO_32 + readUint(cursor, 4);
  if (!Number.isSafeInteger(value)) cursor.broken = true;
  return cursor.broken ? 0 : value;
}

export function readBigUint64(cursor: Cursor): bigint {
  const high = BigInt(readUint(cursor, 4));
  return (high << 32n) | BigInt(readUint(cursor, 4));
}

/** A text of one character at least. */
export function readText(cursor: Cursor): string {
  const length = readUint(cursor, 2);
  const from = take(cursor, length);
  let value = '';
  for (let i = 0; from !== undefined && i < length; i++) {
    const byte = cursor.bytes[from + i] ?? 0;
    if (byte <= 0x20 || byte >= 0x7f) cursor.broken = true;
    value += String.fromCharCode(byte);
  }
  if (value === '') cursor.broken = true;
  return value;
}

/** `count` items, as far as there is something to read. */
export function readMany<T>(cursor: Cursor, count: number, read: (cursor: Cursor) => T): T[] {
  const items: T[] = [];
  for (let i = 0; i < count && !cursor.broken; i++) items.push(read(cursor));
  return items;
}

function take(cursor: Cursor, count: number): number | undefined {
  if (cursor.broken || cursor.at + count > cursor.end) {
    cursor.broken = true;
    return undefined;
  }
  const from = cursor.at;
  cursor.at += count;
  return from;
}
