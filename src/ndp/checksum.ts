import { ICMPV6 } from '../net/ipv6.ts';

/**
 * The ICMPv6 checksum over pseudo-header and message (RFC 4443 2.3, RFC 8200 8.1).
 * Over a message whose checksum field is filled in it is 0 if that is right.
 */
export function icmpv6Checksum(source: bigint, destination: bigint, message: Uint8Array): number {
  let sum = sumOfWords(message) + sumOfAddress(source) + sumOfAddress(destination);
  sum += message.length + ICMPV6;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

function sumOfAddress(address: bigint): number {
  let sum = 0;
  for (let rest = address; rest > 0n; rest >>= 32n) {
    const word = Number(rest & 0xffff_ffffn);
    sum += (word >>> 16) + (word & 0xffff);
  }
  return sum;
}

function sumOfWords(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  return sum;
}
