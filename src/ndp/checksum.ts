import { ICMPV6, ipv6ToBytes } from '../net/ipv6.ts';

/**
 * The ICMPv6 checksum over pseudo-header and message (RFC 4443 2.3, RFC 8200 8.1).
 * Over a message whose checksum field is filled in it is 0 if that is right.
 */
export function icmpv6Checksum(source: string, destination: string, message: Uint8Array): number {
  let sum = message.length + ICMPV6;
  for (const part of [ipv6ToBytes(source), ipv6ToBytes(destination), message]) {
    sum += sumOfWords(part);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

function sumOfWords(bytes: Uint8Array): number {
  let sum = 0;
  for (const [index, byte] of bytes.entries()) sum += index % 2 === 0 ? byte * 256 : byte;
  return sum;
}
