import { ETHERNET_HEADER_LENGTH, ETHERTYPE_ARP, etherTypeOf, frameOf } from '../net/ethernet.ts';
import { ipv4At, putIpv4 } from '../net/ipv4.ts';
import { BROADCAST_MAC, MAC_LENGTH, ZERO_MAC } from '../net/mac.ts';

/**
 * RFC 826, for IPv4 over Ethernet, which is all that is asked here. Offsets count from the start of
 * the frame.
 */
const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
const FIXED = ETHERNET_HEADER_LENGTH;
export const SENDER_MAC_OFFSET: number = FIXED + 8;
const SENDER_IP_OFFSET = FIXED + 14;
export const TARGET_MAC_OFFSET: number = FIXED + 18;
const TARGET_IP_OFFSET = FIXED + 24;
export const ARP_FRAME_LENGTH: number = FIXED + 28;

export const REQUEST = 1;
export const REPLY = 2;

/** Why a frame is no ARP packet that anybody here could answer. */
export type ArpFault = 'truncated' | 'not_arp' | 'not_ethernet_ipv4' | 'bad_operation';

export interface ArpPacket {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  readonly operation: typeof REQUEST | typeof REPLY;
  readonly senderMac: Uint8Array;
  /** Unsigned 32-bit number, as in `net/ipv4`; 0 in an RFC 5227 probe. */
  readonly senderIp: number;
  readonly targetMac: Uint8Array;
  readonly targetIp: number;
}

/**
 * What keeps the frame from being an ARP request or reply for IPv4 over Ethernet; undefined if
 * nothing does.
 */
export function faultOf(frame: Uint8Array): ArpFault | undefined {
  const etherType = etherTypeOf(frame);
  if (etherType === undefined) return 'truncated';
  if (etherType !== ETHERTYPE_ARP) return 'not_arp';
  if (frame.length < ARP_FRAME_LENGTH) return 'truncated';
  if (
    uint16(frame, FIXED) !== HARDWARE_ETHERNET ||
    uint16(frame, FIXED + 2) !== PROTOCOL_IPV4 ||
    frame[FIXED + 4] !== MAC_LENGTH ||
    frame[FIXED + 5] !== 4
  ) {
    return 'not_ethernet_ipv4';
  }
  const operation = uint16(frame, FIXED + 6);
  return operation === REQUEST || operation === REPLY ? undefined : 'bad_operation';
}

/** The packet in a frame; bytes after it are padding. The MACs are copies. */
export function parseArp(frame: Uint8Array): ArpPacket | ArpFault {
  const fault = faultOf(frame);
  if (fault !== undefined) return fault;
  return {
    destination: macAt(frame, 0),
    source: macAt(frame, MAC_LENGTH),
    operation: operationOf(frame),
    senderMac: macAt(frame, SENDER_MAC_OFFSET),
    senderIp: senderIpOf(frame),
    targetMac: macAt(frame, TARGET_MAC_OFFSET),
    targetIp: targetIpOf(frame),
  };
}

/** The frame of a packet, 42 bytes; the network card pads it to Ethernet's minimum. */
export function emitArp(packet: ArpPacket): Uint8Array {
  const frame = frameOf({ ...packet, etherType: ETHERTYPE_ARP }, ARP_FRAME_LENGTH);
  frame[FIXED + 1] = HARDWARE_ETHERNET;
  frame[FIXED + 2] = PROTOCOL_IPV4 >>> 8;
  frame[FIXED + 4] = MAC_LENGTH;
  frame[FIXED + 5] = 4;
  frame[FIXED + 7] = packet.operation;
  frame.set(packet.senderMac, SENDER_MAC_OFFSET);
  putIpv4(frame, SENDER_IP_OFFSET, packet.senderIp);
  frame.set(packet.targetMac, TARGET_MAC_OFFSET);
  putIpv4(frame, TARGET_IP_OFFSET, packet.targetIp);
  return frame;
}

/** The request by which the host at `sender` asks everybody where `targetIp` is. */
export function requestFor(
  targetIp: number,
  sender: { readonly ip: number; readonly mac: Uint8Array },
): Uint8Array {
  return emitArp({
    destination: BROADCAST_MAC,
    source: sender.mac,
    operation: REQUEST,
    senderMac: sender.mac,
    senderIp: sender.ip,
    targetMac: ZERO_MAC,
    targetIp,
  });
}

/**
 * The reply to a request that `faultOf` found nothing wrong with: that `mac` is where its target
 * address is.
 */
export function replyTo(request: Uint8Array, mac: Uint8Array): Uint8Array {
  // RFC 826: the fields are swapped in place. One allocation, since a segment may ask a hundred
  // thousand times a second.
  const reply = new Uint8Array(ARP_FRAME_LENGTH);
  // Not `slice`, which does not copy if the frame is a Buffer.
  reply.set(request.subarray(0, ARP_FRAME_LENGTH));
  reply.copyWithin(0, SENDER_MAC_OFFSET, SENDER_MAC_OFFSET + MAC_LENGTH);
  reply.set(mac, MAC_LENGTH);
  reply[FIXED + 7] = REPLY;
  reply.copyWithin(TARGET_MAC_OFFSET, SENDER_MAC_OFFSET, TARGET_MAC_OFFSET);
  reply.set(mac, SENDER_MAC_OFFSET);
  putIpv4(reply, SENDER_IP_OFFSET, targetIpOf(request));
  return reply;
}

/** Operation of a frame that `faultOf` found nothing wrong with. */
export function operationOf(frame: Uint8Array): typeof REQUEST | typeof REPLY {
  return uint16(frame, FIXED + 6) === REQUEST ? REQUEST : REPLY;
}

/** Sender protocol address of a frame that `faultOf` found nothing wrong with. */
export function senderIpOf(frame: Uint8Array): number {
  return ipv4At(frame, SENDER_IP_OFFSET);
}

/** Target protocol address of a frame that `faultOf` found nothing wrong with. */
export function targetIpOf(frame: Uint8Array): number {
  return ipv4At(frame, TARGET_IP_OFFSET);
}

function macAt(frame: Uint8Array, offset: number): Uint8Array {
  return Uint8Array.from(frame.subarray(offset, offset + MAC_LENGTH));
}

function uint16(frame: Uint8Array, offset: number): number {
  return ((frame[offset] ?? 0) << 8) | (frame[offset + 1] ?? 0);
}
