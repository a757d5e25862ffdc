import { SOURCE_OFFSET } from '../net/ethernet.ts';
import { BROADCAST_MAC, formatMac, macIsAt, ZERO_MAC } from '../net/mac.ts';
import { emitArp, faultOf, REQUEST, SENDER_MAC_OFFSET, senderIpOf } from './packet.ts';

/**
 * An ARP Probe (RFC 5227 2.1.1): asks who has the address, in the name of nobody, so that no cache on the
 * segment changes by it.
 */
export function arpProbe(ip: number, mac: Uint8Array): Uint8Array {
  return emitArp({
    destination: BROADCAST_MAC,
    source: mac,
    operation: REQUEST,
    senderMac: mac,
    senderIp: 0,
    targetMac: ZERO_MAC,
    targetIp: ip,
  });
}

/**
 * The address that another host says is its own, and where: any ARP packet says so, an answer to a probe and
 * an announcement alike (RFC 5227 2.1.1). Undefined if the frame says nothing of the kind. That somebody
 * else probes is none: the Leases tell which of two nodes may have it.
 */
export function saidBy(
  frame: Uint8Array,
  ownMac: Uint8Array,
): { readonly ip: number; readonly mac: string } | undefined {
  if (faultOf(frame) !== undefined || senderIpOf(frame) === 0) return undefined;
  if (macIsAt(frame, SOURCE_OFFSET, ownMac) || macIsAt(frame, SENDER_MAC_OFFSET, ownMac)) {
    return undefined;
  }
  return { ip: senderIpOf(frame), mac: formatMac(frame, SENDER_MAC_OFFSET) };
}
