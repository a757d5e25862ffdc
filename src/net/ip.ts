import { Address6 } from 'ip-address';
import type { AddressRange, Subnet } from '../model.ts';
import { formatIpv4, parseIpv4 } from './ipv4.ts';

export interface IpNumber {
  readonly family: 4 | 6;
  readonly value: bigint;
}

const BITS = { 4: 32, 6: 128 } as const;
/** `::ffff:0:0/96`: IPv4 in disguise, never an address on a segment (RFC 4291 2.5.5.2). */
const MAPPED_PREFIX = 0xffffn;

/**
 * The one spelling of an address: dotted quad, or RFC 5952 for IPv6. Undefined for all that is no
 * plain unicast-style literal: zone ids, IPv4-mapped IPv6, octal or short IPv4 forms, prefixes.
 */
export function canonicalIp(text: string): string | undefined {
  if (parseIpv4(text) !== undefined) return text;
  const value = parseIpv6(text);
  return value === undefined ? undefined : ipFromBigInt(6, value);
}

/** Family and value of an address; throws RangeError if `canonicalIp` would refuse it. */
export function ipToBigInt(ip: string): IpNumber {
  const parsed = parseIp(ip);
  if (parsed === undefined) {
    throw new RangeError(`"${ip}" is not an IP address; write 192.0.2.1 or 2001:db8::1`);
  }
  return parsed;
}

/** Canonical text of an address; throws RangeError if the value does not fit the family. */
export function ipFromBigInt(family: 4 | 6, value: bigint): string {
  if (value < 0n || value >> BigInt(BITS[family]) !== 0n) {
    throw new RangeError(`${value} is outside of IPv${family}'s address space`);
  }
  return family === 4 ? formatIpv4(Number(value)) : Address6.fromBigInt(value).correctForm();
}

/** Order of addresses: IPv4 before IPv6, then by value; for `Array.sort`. */
export function compareIp(a: string, b: string): -1 | 0 | 1 {
  const left = ipToBigInt(a);
  const right = ipToBigInt(b);
  if (left.family !== right.family) return left.family < right.family ? -1 : 1;
  if (left.value === right.value) return 0;
  return left.value < right.value ? -1 : 1;
}

/** The subnet that an address with this prefix length lies in, host bits cleared. */
export function subnetOf(ip: string, prefixLength: number): Subnet {
  const { family, value } = ipToBigInt(ip);
  const hostBits = hostBitsOf(family, prefixLength, `${ip}/${prefixLength}`);
  return `${ipFromBigInt(family, (value >> hostBits) << hostBits)}/${prefixLength}`;
}

/** Whether the subnet holds the address; an address of the other family is never inside. */
export function subnetContains(subnet: Subnet, ip: string): boolean {
  const { ip: network, prefixLength } = splitPrefix(subnet);
  const net = ipToBigInt(network);
  const hostBits = hostBitsOf(net.family, prefixLength, subnet);
  const address = ipToBigInt(ip);
  return address.family === net.family && address.value >> hostBits === net.value >> hostBits;
}

/**
 * The inclusive range that `address/length` or `first-last` stands for; throws RangeError with the
 * reason if it is none.
 */
export function rangeOf(text: string): AddressRange {
  const dash = text.indexOf('-');
  if (dash >= 0) return rangeBetween(text, text.slice(0, dash).trim(), text.slice(dash + 1).trim());
  if (!text.includes('/')) {
    throw new RangeError(
      `"${text}" is neither a prefix nor a range; write ${text}/32, ${text}/128 or first-last`,
    );
  }
  const { ip, prefixLength } = splitPrefix(text.trim());
  const { family, value } = ipToBigInt(ip);
  const hostBits = hostBitsOf(family, prefixLength, text);
  const first = (value >> hostBits) << hostBits;
  return {
    first: ipFromBigInt(family, first),
    last: ipFromBigInt(family, first + (1n << hostBits) - 1n),
  };
}

function rangeBetween(text: string, first: string, last: string): AddressRange {
  const low = ipToBigInt(first);
  const high = ipToBigInt(last);
  if (low.family !== high.family) {
    throw new RangeError(`"${text}" mixes IPv4 and IPv6; both ends must be of one family`);
  }
  if (low.value > high.value) {
    throw new RangeError(`"${text}" ends before it starts; swap its two addresses`);
  }
  return {
    first: ipFromBigInt(low.family, low.value),
    last: ipFromBigInt(high.family, high.value),
  };
}

function splitPrefix(text: string): { ip: string; prefixLength: number } {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new RangeError(`"${text}" is not a prefix; write it as 192.0.2.0/24 or 2001:db8::/64`);
  }
  return { ip: match[1], prefixLength: Number(match[2]) };
}

function hostBitsOf(family: 4 | 6, prefixLength: number, text: string): bigint {
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > BITS[family]) {
    throw new RangeError(`"${text}": a prefix length of IPv${family} is 0 to ${BITS[family]}`);
  }
  return BigInt(BITS[family] - prefixLength);
}

function parseIp(text: string): IpNumber | undefined {
  const v4 = parseIpv4(text);
  if (v4 !== undefined) return { family: 4, value: BigInt(v4) };
  const v6 = parseIpv6(text);
  return v6 === undefined ? undefined : { family: 6, value: v6 };
}

function parseIpv6(text: string): bigint | undefined {
  // Only the characters of a plain literal: keeps out zone ids, prefixes and brackets, which the
  // library would accept.
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text) || !text.includes(':')) return undefined;
  if (!Address6.isValid(text)) return undefined;
  const value = new Address6(text).bigInt();
  return value >> 32n === MAPPED_PREFIX ? undefined : value;
}
