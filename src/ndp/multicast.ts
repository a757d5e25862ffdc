import type { MacText, Vip } from '../model.ts';
import { ipFromBigInt, ipToBigInt } from '../net/ip.ts';

const SOLICITED_NODE_PREFIX = 0xff0200000000000000000001ff000000n;

/** The solicited-node group of an IPv6 address: ff02::1:ffXX:XXXX (RFC 4291 2.7.1). */
export function solicitedNodeGroup(ip: Vip): string {
  return ipFromBigInt(6, SOLICITED_NODE_PREFIX | (ipv6Value(ip) & 0xffffffn));
}

/** The Ethernet group address of an IPv6 group: 33:33 and its last four bytes (RFC 2464 7). */
export function groupMac(group: string): MacText {
  const low = (ipv6Value(group) & 0xffffffffn).toString(16).padStart(8, '0');
  return `33:33:${low.slice(0, 2)}:${low.slice(2, 4)}:${low.slice(4, 6)}:${low.slice(6, 8)}`;
}

/** Every group that a link which carries these VIPs must have joined; IPv4 addresses need none. */
export function groupsOf(vips: Iterable<Vip>): ReadonlySet<string> {
  const groups = new Set<string>();
  for (const vip of vips) {
    if (ipToBigInt(vip).family === 6) groups.add(solicitedNodeGroup(vip));
  }
  return groups;
}

function ipv6Value(ip: string): bigint {
  const { family, value } = ipToBigInt(ip);
  if (family !== 6) throw new RangeError(`"${ip}" is an IPv4 address; groups exist for IPv6 only`);
  return value;
}
