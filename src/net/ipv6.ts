import { ipToBigInt } from './ip.ts';

/** IPv6 addresses as 128-bit numbers: the form in which packets are matched, without any library. */

/** An IPv6 packet without extension headers in between: NDP messages carry none (RFC 4861 4). */
export interface Ipv6Packet {
  readonly source: bigint;
  readonly destination: bigint;
  readonly hopLimit: number;
  readonly nextHeader: number;
  readonly payload: Uint8Array;
}

export const ICMPV6 = 58;
/** ff02::1, the group of all nodes on the link. */
export const ALL_NODES = 0xff02_0000_0000_0000_0000_0000_0000_0001n;
/** `::`, the source of who has no address yet. */
export const UNSPECIFIED = 0n;

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

/** The packet's bytes, with traffic class and flow label zero. */
export function emitIpv6(packet: Ipv6Packet): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + packet.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, packet.payload.length);
  view.setUint8(6, packet.nextHeader);
  view.setUint8(7, packet.hopLimit);
  putIpv6(bytes, 8, packet.source);
  putIpv6(bytes, 24, packet.destination);
  bytes.set(packet.payload, HEADER_LENGTH);
  return bytes;
}

/** The address whose 16 bytes start at `offset`. */
export function ipv6At(bytes: Uint8Array, offset: number): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (view.getBigUint64(offset) << 64n) | view.getBigUint64(offset + 8);
}

/** Writes an address in network order. */
export function putIpv6(bytes: Uint8Array, offset: number, address: bigint): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setBigUint64(offset, address >> 64n);
  view.setBigUint64(offset + 8, address & 0xffff_ffff_ffff_ffffn);
}

/** The number that an IPv6 address stands for; throws RangeError for anything else. */
export function ipv6Of(text: string): bigint {
  const { family, value } = ipToBigInt(text);
  if (family !== 6) {
    throw new RangeError(`"${text}" is an IPv4 address where IPv6 is needed; write 2001:db8::1`);
  }
  return value;
}

/** Whether the address is a multicast group (ff00::/8, RFC 4291 2.7). */
export function isMulticastIpv6(address: bigint): boolean {
  return address >> 120n === 0xffn;
}
