import {
  emitIpv6,
  ICMPV6,
  type Ipv6Packet,
  ipv6At,
  isMulticastIpv6,
  putIpv6,
  UNSPECIFIED,
} from '../net/ipv6.ts';
import { MAC_LENGTH } from '../net/mac.ts';
import { icmpv6Checksum } from './checksum.ts';
import { solicitedNodeGroup } from './multicast.ts';

export interface NeighborSolicitation {
  readonly kind: 'solicitation';
  readonly target: bigint;
  /** Source link-layer address option; undefined without one. */
  readonly sourceMac: Uint8Array | undefined;
}

export interface NeighborAdvertisement {
  readonly kind: 'advertisement';
  readonly target: bigint;
  readonly router: boolean;
  readonly solicited: boolean;
  readonly override: boolean;
  /** Target link-layer address option; undefined without one. */
  readonly targetMac: Uint8Array | undefined;
}

export type NdpMessage = NeighborSolicitation | NeighborAdvertisement;

/** Why a packet is silently discarded: it is no such message, or fails RFC 4861 7.1.1 or 7.1.2. */
export type NdpFault =
  | 'not_ndp'
  | 'truncated'
  | 'hop_limit'
  | 'checksum'
  | 'code'
  | 'target_multicast'
  | 'option_length'
  | 'unspecified_source'
  | 'solicited_multicast';

export interface NdpRoute {
  readonly source: bigint;
  readonly destination: bigint;
}

const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const FIXED_LENGTH = 24;
const TARGET_OFFSET = 8;
const SOURCE_LINK_LAYER = 1;
const TARGET_LINK_LAYER = 2;
/** Options count in units of 8 bytes; a 6-byte MAC with its two header bytes takes one. */
const UNIT = 8;
/** No router can have forwarded a packet that still has it (RFC 4861 3.1). */
const HOP_LIMIT = 255;
const ROUTER = 0x80;
const SOLICITED = 0x40;
const OVERRIDE = 0x20;

/** The solicitation or advertisement in a packet, if it passes every check of RFC 4861 7.1.1 or 7.1.2. */
export function parseNdp(packet: Ipv6Packet): NdpMessage | NdpFault {
  const bytes = packet.payload;
  const type = bytes[0];
  if (packet.nextHeader !== ICMPV6) return 'not_ndp';
  if (type !== SOLICITATION && type !== ADVERTISEMENT) return 'not_ndp';
  if (packet.hopLimit !== HOP_LIMIT) return 'hop_limit';
  if (bytes.length < FIXED_LENGTH) return 'truncated';
  if (icmpv6Checksum(packet.source, packet.destination, bytes) !== 0) return 'checksum';
  if (bytes[1] !== 0) return 'code';
  const target = ipv6At(bytes, TARGET_OFFSET);
  if (isMulticastIpv6(target)) return 'target_multicast';
  const options = linkLayerOptions(bytes.subarray(FIXED_LENGTH));
  if (options === undefined) return 'option_length';
  if (type === SOLICITATION) {
    const sourceMac = options.get(SOURCE_LINK_LAYER);
    if (!sourceIsSound(packet, sourceMac)) return 'unspecified_source';
    return { kind: 'solicitation', target, sourceMac };
  }
  const flags = bytes[4] ?? 0;
  const solicited = (flags & SOLICITED) !== 0;
  if (solicited && isMulticastIpv6(packet.destination)) return 'solicited_multicast';
  return {
    kind: 'advertisement',
    target,
    router: (flags & ROUTER) !== 0,
    solicited,
    override: (flags & OVERRIDE) !== 0,
    targetMac: options.get(TARGET_LINK_LAYER),
  };
}

/** The IPv6 packet of a message, hop limit 255, checksum filled in. */
export function emitNdp(message: NdpMessage, route: NdpRoute): Uint8Array {
  const payload = emitNdpMessage(message);
  const checksum = icmpv6Checksum(route.source, route.destination, payload);
  new DataView(payload.buffer).setUint16(2, checksum);
  return emitIpv6({ ...route, hopLimit: HOP_LIMIT, nextHeader: ICMPV6, payload });
}

/** The ICMPv6 message alone, its checksum zero: for sockets where the kernel adds header and checksum. */
export function emitNdpMessage(message: NdpMessage): Uint8Array<ArrayBuffer> {
  const isSolicitation = message.kind === 'solicitation';
  const mac = isSolicitation ? message.sourceMac : message.targetMac;
  const bytes = new Uint8Array(FIXED_LENGTH + (mac === undefined ? 0 : UNIT));
  bytes[0] = isSolicitation ? SOLICITATION : ADVERTISEMENT;
  if (!isSolicitation) bytes[4] = flagsOf(message);
  putIpv6(bytes, TARGET_OFFSET, message.target);
  if (mac === undefined) return bytes;
  bytes[FIXED_LENGTH] = isSolicitation ? SOURCE_LINK_LAYER : TARGET_LINK_LAYER;
  bytes[FIXED_LENGTH + 1] = 1;
  bytes.set(mac, FIXED_LENGTH + 2);
  return bytes;
}

/** From `::` only to the target's group, and without a source link-layer option (RFC 4861 7.1.1). */
function sourceIsSound(packet: Ipv6Packet, sourceMac: Uint8Array | undefined): boolean {
  if (packet.source !== UNSPECIFIED) return true;
  // Any solicited-node group will do: the group of an address ending in the group's last three bytes is the group.
  const toGroup = packet.destination === solicitedNodeGroup(packet.destination);
  return toGroup && sourceMac === undefined;
}

/** The first link-layer address of each type; other options are skipped. Undefined if a length is wrong. */
function linkLayerOptions(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> | undefined {
  const macs = new Map<number, Uint8Array>();
  for (let offset = 0; offset < bytes.length; ) {
    const type = bytes[offset] ?? 0;
    const length = (bytes[offset + 1] ?? 0) * UNIT;
    if (length === 0 || offset + length > bytes.length) return undefined;
    const isMac = type === SOURCE_LINK_LAYER || type === TARGET_LINK_LAYER;
    if (isMac && length !== 2 + MAC_LENGTH) return undefined;
    if (isMac && !macs.has(type)) macs.set(type, bytes.slice(offset + 2, offset + length));
    offset += length;
  }
  return macs;
}

function flagsOf(message: NeighborAdvertisement): number {
  return (
    (message.router ? ROUTER : 0) |
    (message.solicited ? SOLICITED : 0) |
    (message.override ? OVERRIDE : 0)
  );
}
