import { MAC_LENGTH } from './mac.ts';

/** Ethernet II without tags: destination, source, type. */
export const ETHERNET_HEADER_LENGTH = 14;
export const SOURCE_OFFSET: number = MAC_LENGTH;
const TYPE_OFFSET = 12;

export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;

export interface EthernetHeader {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  readonly etherType: number;
}

/** The type field of a frame, or undefined if the frame has no whole header. */
export function etherTypeOf(frame: Uint8Array): number | undefined {
  if (frame.length < ETHERNET_HEADER_LENGTH) return undefined;
  return ((frame[TYPE_OFFSET] ?? 0) << 8) | (frame[TYPE_OFFSET + 1] ?? 0);
}

/** A frame of `length` bytes whose header is filled in and whose payload is zero. */
export function frameOf(header: EthernetHeader, length: number): Uint8Array {
  const frame = new Uint8Array(length);
  frame.set(header.destination, 0);
  frame.set(header.source, SOURCE_OFFSET);
  frame[TYPE_OFFSET] = header.etherType >>> 8;
  frame[TYPE_OFFSET + 1] = header.etherType;
  return frame;
}
