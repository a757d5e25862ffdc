import { parseArp, REPLY } from '../../src/arp/packet.ts';
import { parseNdp } from '../../src/ndp/message.ts';
import { ETHERNET_HEADER_LENGTH, frameOf } from '../../src/net/ethernet.ts';
import { ipFromBigInt } from '../../src/net/ip.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import { ALL_NODES, parseIpv6, UNSPECIFIED } from '../../src/net/ipv6.ts';
import { formatMac, ZERO_MAC } from '../../src/net/mac.ts';
import type { CapturedFrame } from './capture.ts';

/** What one frame means for one address: somebody asks for it, or somebody says that it is at a MAC. */
export type Sighting = Question | Assertion;

interface Place {
  readonly at: number;
  readonly vip: string;
  /** By which port of the switch the frame came in, and whose that is. */
  readonly port: string;
  readonly host: string;
}

export interface Question extends Place {
  readonly kind: 'question';
  /** `probe` has no sender address (RFC 5227, duplicate address detection); `unicast` went to one MAC only. */
  readonly form: 'broadcast' | 'unicast' | 'probe';
  /** Protocol address of who asks; `::` or 0.0.0.0 in a probe. */
  readonly asker: string;
}

export interface Assertion extends Place {
  readonly kind: 'assertion';
  readonly form: AssertionForm;
  /** The MAC that receivers will store. */
  readonly mac: string;
  /** Protocol address that an answer is for. */
  readonly to: string;
  /** In words: addresses and flags that tell one form from another. */
  readonly detail: string;
}

/**
 * `answer`: ARP reply or solicited NA to who asked. `garp-request`, `garp-reply`, `unsolicited-na`: announcements.
 * `sender`: an ordinary request or solicitation sent from the address, which moves caches just the same (RFC 826).
 */
export type AssertionForm = 'answer' | 'garp-request' | 'garp-reply' | 'unsolicited-na' | 'sender';

const ARP = 0x0806;
const IPV6 = 0x86dd;

/** All that a frame says; empty for frames that are neither well-formed ARP nor NDP. */
export function sightingsIn(frame: CapturedFrame): Sighting[] {
  if (frame.etherType === ARP) return fromArp(frame);
  if (frame.etherType === IPV6) return fromNdp(frame);
  return [];
}

function fromArp(frame: CapturedFrame): Sighting[] {
  const bytes = new Uint8Array(ETHERNET_HEADER_LENGTH + frame.payload.length);
  bytes.set(frameOf({ destination: ZERO_MAC, source: ZERO_MAC, etherType: ARP }, 14));
  bytes.set(frame.payload, ETHERNET_HEADER_LENGTH);
  const packet = parseArp(bytes);
  if (typeof packet === 'string') return [];
  const place = { at: frame.at, port: frame.port, host: frame.host };
  const sender = formatIpv4(packet.senderIp);
  const target = formatIpv4(packet.targetIp);
  const assertion = {
    ...place,
    kind: 'assertion',
    vip: sender,
    mac: formatMac(packet.senderMac),
    to: target,
    detail: `target hardware address ${formatMac(packet.targetMac)}, ${frame.delivery}`,
  } as const;
  if (packet.operation === REPLY) {
    return [{ ...assertion, form: sender === target ? 'garp-reply' : 'answer' }];
  }
  if (sender === target) return [{ ...assertion, form: 'garp-request' }];
  const isProbe = packet.senderIp === 0;
  const form = isProbe ? 'probe' : frame.delivery === 'unicast' ? 'unicast' : 'broadcast';
  const question = { ...place, kind: 'question', form, vip: target, asker: sender } as const;
  return isProbe ? [question] : [question, { ...assertion, form: 'sender' }];
}

function fromNdp(frame: CapturedFrame): Sighting[] {
  const packet = parseIpv6(frame.payload);
  const message = packet === undefined ? 'truncated' : parseNdp(packet);
  if (packet === undefined || typeof message === 'string') return [];
  const place = { at: frame.at, port: frame.port, host: frame.host };
  if (message.kind === 'advertisement') {
    const flags = [message.solicited ? 'S' : '', message.override ? 'O' : ''].join('');
    const assertion = {
      ...place,
      kind: 'assertion',
      form: message.solicited ? 'answer' : 'unsolicited-na',
      vip: ipFromBigInt(6, message.target),
      mac: message.targetMac === undefined ? frame.source : formatMac(message.targetMac),
      to: ipFromBigInt(6, packet.destination),
      detail: `flags ${flags || 'none'}, ${packet.destination === ALL_NODES ? 'all nodes' : frame.delivery}`,
    } as const;
    return [assertion];
  }
  const isProbe = packet.source === UNSPECIFIED;
  const form = isProbe ? 'probe' : frame.delivery === 'unicast' ? 'unicast' : 'broadcast';
  const asker = ipFromBigInt(6, packet.source);
  const target = ipFromBigInt(6, message.target);
  const question = { ...place, kind: 'question', form, vip: target, asker } as const;
  if (isProbe || message.sourceMac === undefined) return [question];
  const detail = `source of a solicitation for ${target}`;
  const mac = formatMac(message.sourceMac);
  return [
    question,
    { ...place, kind: 'assertion', form: 'sender', vip: asker, mac, to: target, detail },
  ];
}
