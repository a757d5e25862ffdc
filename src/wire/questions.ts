import { requestFor } from '../arp/packet.ts';
import { subnetContains } from '../net/ip.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import type { OwnAddress } from '../sys/neighbourhood.ts';

/** A segment has few gateways, and a host few addresses on it. */
const MAX_QUESTIONS = 8;

/**
 * The ARP requests that ask for these addresses, each from our own address on the same subnet; what is no IPv4
 * address, or on no subnet of ours, is not asked for.
 */
export function questionsFor(
  targets: Iterable<string>,
  own: readonly OwnAddress[],
  mac: Uint8Array,
): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (const target of new Set(targets)) {
    const targetIp = parseIpv4(target);
    if (targetIp === undefined || frames.length >= MAX_QUESTIONS) continue;
    const from = own.find(({ ip, prefixLength }) =>
      subnetContains(`${ip}/${prefixLength}`, target),
    );
    const ip = from === undefined ? undefined : parseIpv4(from.ip);
    if (ip !== undefined) frames.push(requestFor(targetIp, { ip, mac }));
  }
  return frames;
}
