import { BROADCAST_MAC, ZERO_MAC } from '../net/mac.ts';
import { emitArp, REPLY, REQUEST } from './packet.ts';

/**
 * The two frames that tell a segment unasked where a VIP is; some receivers heed only the one, some
 * only the other.
 */
export type GratuitousForm = 'request' | 'reply';

/**
 * One gratuitous ARP frame for a VIP (RFC 5227 calls the request form an ARP Announcement), to
 * everybody on the segment. The reply form carries our own MAC as target: with the broadcast
 * address there, Linux ignores it for 1 s after a change.
 */
export function gratuitous(form: GratuitousForm, ip: number, mac: Uint8Array): Uint8Array {
  return emitArp({
    destination: BROADCAST_MAC,
    source: mac,
    operation: form === 'request' ? REQUEST : REPLY,
    senderMac: mac,
    senderIp: ip,
    targetMac: form === 'request' ? ZERO_MAC : mac,
    targetIp: ip,
  });
}
