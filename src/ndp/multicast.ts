import type { Vip } from '../model.ts';
import { ipFromBigInt, ipToBigInt } from '../net/ip.ts';

const SOLICITED_NODE_PREFIX = 0xff02_0000_0000_0000_0000_0001_ff00_0000n;

/** The solicited-node group of an IPv6 address: ff02::1:ffXX:XXXX (RFC 4291 2.7.1). */
export function solicitedNodeGroup(address: bigint): bigint {
  return SOLICITED_NODE_PREFIX | (address & 0xff_ffffn);
}

/** The Ethernet group address of an IPv6 group: 33:33 and its last four bytes (RFC 2464 7). */
export function groupMac(group: bigint): Uint8Array {
  const low = Number(group & 0xffff_ffffn);
  return Uint8Array.of(0x33, 0x33, low >>> 24, low >>> 16, low >>> 8, low);
}

/** Every group, in text, that a link which carries these VIPs must have joined; IPv4 needs none. */
export function groupsOf(vips: Iterable<Vip>): ReadonlySet<string> {
  const groups = new Set<string>();
  for (const vip of vips) {
    const { family, value } = ipToBigInt(vip);
    if (family === 6) groups.add(ipFromBigInt(6, solicitedNodeGroup(value)));
  }
  return groups;
}
