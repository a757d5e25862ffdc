/** IPv4 addresses as 32-bit numbers: the form in which packets are matched, without any library. */

const DOTTED_QUAD =
  /^(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

/**
 * The address as an unsigned 32-bit number, or undefined if the text is no strict dotted quad (no
 * octal, no short forms).
 */
export function parseIpv4(text: string): number | undefined {
  const match = DOTTED_QUAD.exec(text);
  if (match === null) return undefined;
  return (
    Number(match[1]) * 0x1000000 +
    Number(match[2]) * 0x10000 +
    Number(match[3]) * 0x100 +
    Number(match[4])
  );
}

/** Dotted quad of an unsigned 32-bit number. */
export function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 0xff}.${(value >>> 8) & 0xff}.${value & 0xff}`;
}

/** The four bytes of a dotted quad in network order; throws RangeError for anything else. */
export function ipv4ToBytes(text: string): Uint8Array {
  const value = parseIpv4(text);
  if (value === undefined) {
    throw new RangeError(`"${text}" is not an IPv4 address; write it as a dotted quad`);
  }
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** The address whose four bytes start at `offset`, as an unsigned 32-bit number. */
export function ipv4At(bytes: Uint8Array, offset: number): number {
  const high = ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
  const low = ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0);
  return high * 0x10000 + low;
}

/** Writes an unsigned 32-bit number as the four bytes at `offset`. */
export function putIpv4(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}
