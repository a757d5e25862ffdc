import { SOURCE_OFFSET } from '../net/ethernet.ts';
import { BROADCAST_MAC, groupMacIsAt, macIsAt } from '../net/mac.ts';
import {
  type ArpFault,
  faultOf,
  operationOf,
  REQUEST,
  replyTo,
  SENDER_MAC_OFFSET,
  senderIpOf,
  targetIpOf,
} from './packet.ts';

/** Why a frame is deliberately not answered; also the label of its metric. */
export type ArpDrop =
  | ArpFault
  | 'not_request'
  | 'own_frame'
  | 'not_to_us'
  | 'not_owned'
  | 'announcement'
  | 'bad_sender';

/** The addresses that may be answered for, keyed as `net/ipv4` numbers them. */
export interface Answerable {
  has(ip: number): boolean;
}

/**
 * The reply to an ARP request for one of our VIPs, or the reason why there is none. It goes to the
 * sender's hardware address, as RFC 826 has it, from the MAC that the link has now.
 */
export function respond(
  frame: Uint8Array,
  table: Answerable,
  ownMac: Uint8Array,
): Uint8Array | ArpDrop {
  const fault = faultOf(frame);
  if (fault !== undefined) return fault;
  if (operationOf(frame) !== REQUEST) return 'not_request';
  const targetIp = targetIpOf(frame);
  // Most frames of a segment end here: nothing is allocated for them.
  if (!table.has(targetIp)) return 'not_owned';
  if (macIsAt(frame, SOURCE_OFFSET, ownMac) || macIsAt(frame, SENDER_MAC_OFFSET, ownMac)) {
    return 'own_frame';
  }
  // The socket is promiscuous: frames to other stations arrive too, and are not ours to answer.
  if (!macIsAt(frame, 0, BROADCAST_MAC) && !macIsAt(frame, 0, ownMac)) return 'not_to_us';
  if (groupMacIsAt(frame, SENDER_MAC_OFFSET)) return 'bad_sender';
  // RFC 5227 2.3: an ARP Announcement asks nothing. That somebody else announces our VIP is a
  // conflict, not a question.
  if (senderIpOf(frame) === targetIp) return 'announcement';
  return replyTo(frame, ownMac);
}
