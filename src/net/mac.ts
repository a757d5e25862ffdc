import type { MacText } from '../model.ts';

export const MAC_LENGTH = 6;
export const BROADCAST_MAC: Uint8Array = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
export const ZERO_MAC: Uint8Array = new Uint8Array(MAC_LENGTH);

/** The six bytes of `02:00:00:00:00:01` (either case), or undefined for any other text. */
export function parseMac(text: string): Uint8Array | undefined {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) return undefined;
  return Uint8Array.from(text.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** The MAC whose bytes start at `offset`, in the one spelling that this project uses. */
export function formatMac(bytes: Uint8Array, offset = 0): MacText {
  return Array.from(bytes.subarray(offset, offset + MAC_LENGTH), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join(':');
}

/** Whether `mac` stands at `offset` of the frame. */
export function macIsAt(frame: Uint8Array, offset: number, mac: Uint8Array): boolean {
  for (let i = 0; i < MAC_LENGTH; i++) {
    if (frame[offset + i] !== mac[i]) return false;
  }
  return true;
}

/**
 * Whether the MAC at `offset` is a group address: a multicast or the broadcast, never a single
 * station.
 */
export function groupMacIsAt(frame: Uint8Array, offset: number): boolean {
  return ((frame[offset] ?? 0) & 1) === 1;
}
