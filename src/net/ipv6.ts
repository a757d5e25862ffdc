import { ipFromBigInt, ipToBigInt } from './ip.ts';

/** An IPv6 packet without extension headers in between: NDP messages carry none (RFC 4861 4). */
export interface Ipv6Packet {
  /** Canonical text (RFC 5952); `::` if unspecified. */
  readonly source: string;
  readonly destination: string;
  readonly hopLimit: number;
  readonly nextHeader: number;
  readonly payload: Uint8Array;
}

export const ICMPV6 = 58;
export const ALL_NODES = 'ff02::1';
export const UNSPECIFIED = '::';

const HEADER_LENGTH = 40;

/**
 * Reads what an Ethernet frame of type 0x86DD carries (RFC 8200 3).
 * The payload is a view, cut to the header's payload length; undefined if the bytes are no whole packet.
 */
export function parseIpv6(bytes: Uint8Array): Ipv6Packet | undefined {
  if (bytes.length < HEADER_LENGTH) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) >> 4 !== 6) return undefined;
  const end = HEADER_LENGTH + view.getUint16(4);
  if (bytes.length < end) return undefined;
  return {
    source: ipv6At(bytes, 8),
    destination: ipv6At(bytes, 24),
    hopLimit: view.getUint8(7),
    nextHeader: view.getUint8(6),
    payload: bytes.subarray(HEADER_LENGTH, end),
  };
}

/** The packet's bytes, with traffic class and flow label zero; throws RangeError on a bad address. */
export function emitIpv6(packet: Ipv6Packet): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + packet.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, packet.payload.length);
  view.setUint8(6, packet.nextHeader);
  view.setUint8(7, packet.hopLimit);
  bytes.set(ipv6ToBytes(packet.source), 8);
  bytes.set(ipv6ToBytes(packet.destination), 24);
  bytes.set(packet.payload, HEADER_LENGTH);
  return bytes;
}

/** Canonical text of the 16 bytes that start at `offset`. */
export function ipv6At(bytes: Uint8Array, offset: number): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return ipFromBigInt(6, (view.getBigUint64(offset) << 64n) | view.getBigUint64(offset + 8));
}

/** The 16 bytes of an IPv6 address; throws RangeError for anything else. */
export function ipv6ToBytes(text: string): Uint8Array {
  const { family, value } = ipToBigInt(text);
  if (family !== 6) {
    throw new RangeError(`"${text}" is an IPv4 address where IPv6 is needed; write 2001:db8::1`);
  }
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, value >> 64n);
  view.setBigUint64(8, value & 0xffffffffffffffffn);
  return bytes;
}

/** Whether the address is a multicast group (ff00::/8, RFC 4291 2.7). */
export function isMulticastIpv6(ip: string): boolean {
  return ipToBigInt(ip).value >> 120n === 0xffn && ip.includes(':');
}
