import { emitArp, REPLY, REQUEST } from '../../src/arp/packet.ts';
import { emitNdp, type NdpMessage, type NdpRoute } from '../../src/ndp/message.ts';
import { ETHERNET_HEADER_LENGTH } from '../../src/net/ethernet.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { isMulticastIpv6 } from '../../src/net/ipv6.ts';
import { BROADCAST_MAC, parseMac, ZERO_MAC } from '../../src/net/mac.ts';
import type { CapturedFrame } from './capture.ts';
import type { Delivery } from './pcap.ts';

/** Frames as the judge's capture hands them out, for tests: host `n1` has the MAC 02:00:00:00:00:01, `c1` ...:c1. */

export interface Sent {
  readonly at: number;
  readonly host: string;
}

export interface ArpSent extends Sent {
  readonly sender: string;
  readonly target: string;
  /** Only of a `garp-reply`; the others have zero there. */
  readonly targetMac?: string;
  readonly delivery?: Delivery;
}

export function macOf(host: string): string {
  return `02:00:00:00:00:${host.slice(1).padStart(2, '0')}`;
}

export function arpRequest(sent: ArpSent): CapturedFrame {
  return arp(sent, REQUEST, sent.delivery ?? 'broadcast');
}

export function arpReply(sent: ArpSent): CapturedFrame {
  return arp(sent, REPLY, sent.delivery ?? 'unicast');
}

export function ndp(sent: Sent, message: NdpMessage, route: NdpRoute): CapturedFrame {
  const delivery = isMulticastIpv6(route.destination) ? 'multicast' : 'unicast';
  return frame(sent, 0x86dd, delivery, emitNdp(message, route));
}

function arp(sent: ArpSent, operation: typeof REQUEST | typeof REPLY, delivery: Delivery) {
  const mac = bytesOf(macOf(sent.host));
  const packet = emitArp({
    destination: BROADCAST_MAC,
    source: mac,
    operation,
    senderMac: mac,
    senderIp: parseIpv4(sent.sender) ?? 0,
    targetMac: sent.targetMac === undefined ? ZERO_MAC : bytesOf(sent.targetMac),
    targetIp: parseIpv4(sent.target) ?? 0,
  });
  return frame(sent, 0x0806, delivery, packet.subarray(ETHERNET_HEADER_LENGTH));
}

function frame(
  { at, host }: Sent,
  etherType: number,
  delivery: Delivery,
  payload: Uint8Array,
): CapturedFrame {
  const source = macOf(host);
  return { at, host, port: `p-${host}`, ifindex: 1, source, etherType, delivery, payload };
}

export function bytesOf(mac: string): Uint8Array {
  const bytes = parseMac(mac);
  if (bytes === undefined) throw new RangeError(`"${mac}" is not a MAC`);
  return bytes;
}
