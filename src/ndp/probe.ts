import {
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE_IPV6,
  etherTypeOf,
  frameOf,
  SOURCE_OFFSET,
} from '../net/ethernet.ts';
import { parseIpv6, UNSPECIFIED } from '../net/ipv6.ts';
import { formatMac, macIsAt } from '../net/mac.ts';
import { emitNdp, parseNdp } from './message.ts';
import { groupMac, solicitedNodeGroup } from './multicast.ts';

/**
 * The Neighbor Solicitation of duplicate address detection (RFC 4862 5.4.2): from `::`, so that no cache on
 * the segment changes by it. Whoever has the address says so to all nodes.
 */
export function dadProbe(target: bigint, mac: Uint8Array): Uint8Array {
  const destination = solicitedNodeGroup(target);
  const packet = emitNdp(
    { kind: 'solicitation', target, sourceMac: undefined },
    { source: UNSPECIFIED, destination },
  );
  const frame = frameOf(
    { destination: groupMac(destination), source: mac, etherType: ETHERTYPE_IPV6 },
    ETHERNET_HEADER_LENGTH + packet.length,
  );
  frame.set(packet, ETHERNET_HEADER_LENGTH);
  return frame;
}

/** The address that another host advertises, and where; undefined if the frame is nothing of the kind. */
export function advertisedBy(
  frame: Uint8Array,
  ownMac: Uint8Array,
): { readonly ip: bigint; readonly mac: string } | undefined {
  if (etherTypeOf(frame) !== ETHERTYPE_IPV6 || macIsAt(frame, SOURCE_OFFSET, ownMac)) {
    return undefined;
  }
  const packet = parseIpv6(frame.subarray(ETHERNET_HEADER_LENGTH));
  const message = packet && parseNdp(packet);
  if (typeof message !== 'object' || message.kind !== 'advertisement') return undefined;
  const { target, targetMac } = message;
  // RFC 4861 7.2.4 wants the option in every answer to a group; without it the frame's sender is where.
  return { ip: target, mac: targetMac ? formatMac(targetMac) : formatMac(frame, SOURCE_OFFSET) };
}
