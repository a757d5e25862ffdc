import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { networkInterfaces } from 'node:os';
import cap from 'cap';
import { emitArp, parseArp, REPLY, REQUEST } from '../../../src/arp/packet.ts';
import { emitNdpMessage, parseNdp } from '../../../src/ndp/message.ts';
import { solicitedNodeGroup } from '../../../src/ndp/multicast.ts';
import { ETHERNET_HEADER_LENGTH } from '../../../src/net/ethernet.ts';
import { ipFromBigInt } from '../../../src/net/ip.ts';
import { formatIpv4, parseIpv4 } from '../../../src/net/ipv4.ts';
import { ipv6Of, parseIpv6 } from '../../../src/net/ipv6.ts';
import { BROADCAST_MAC, formatMac, parseMac, ZERO_MAC } from '../../../src/net/mac.ts';
import { type Asker, type AskerEvents, codeOf } from './ask.ts';
import type { ProbeConfig } from './protocol.ts';

const require = createRequire(import.meta.url);
/** libpcap sets aside 64 KiB for each frame on a veth: room for 256 of them. */
const CAPTURE_BUFFER_BYTES = 16 * 1024 * 1024;
const FRAME_BUFFER_BYTES = 65_535;

interface RawSocketModule {
  createSocket(options: { addressFamily: number; protocol: number }): RawSocket;
}

interface RawSocket {
  setOption(level: number, option: number, value: number): void;
  setOption(level: number, option: number, value: Buffer, length: number): void;
  send(
    buffer: Buffer,
    offset: number,
    length: number,
    address: string,
    done: (error: Error | null) => void,
  ): void;
  on(event: 'error', handler: (error: Error) => void): void;
  close(): void;
}

/** Broadcast ARP requests; request and answers pass through one capture handle, below the kernel's own ARP. */
export function askArp(config: ProbeConfig, events: AskerEvents): Asker {
  const own = networkInterfaces()[config.link]?.find(({ family }) => family === 'IPv4');
  const senderMac = parseMac(config.sender?.mac ?? own?.mac ?? '');
  const senderIp = parseIpv4(config.sender?.ipv4 ?? own?.address ?? '');
  if (senderMac === undefined || senderIp === undefined) {
    throw new Error(`link ${config.link} has no IPv4 address to ask from`);
  }
  const port = openPort(config.link, 'arp[6:2] == 2', (frame) => {
    const packet = parseArp(frame);
    if (typeof packet === 'string' || packet.operation !== REPLY) return;
    if (packet.targetIp !== senderIp || packet.senderIp === senderIp) return;
    events.answered(formatIpv4(packet.senderIp), undefined, formatMac(packet.senderMac));
  });
  return {
    ask: (target) => {
      const targetIp = parseIpv4(target);
      if (targetIp === undefined) throw new Error(`"${target}" is no IPv4 address to ask by ARP`);
      const route = { destination: BROADCAST_MAC, source: senderMac };
      const parties = { senderMac, senderIp, targetMac: ZERO_MAC, targetIp };
      const frame = emitArp({ ...route, operation: REQUEST, ...parties });
      try {
        port.send(frame, frame.length);
      } catch (error) {
        events.refused(codeOf(error));
      }
    },
    close: () => port.close(),
  };
}

/**
 * Multicast solicitations, built by the kernel (source address, hop limit 255, checksum) through `raw-socket`; answers
 * come through a capture handle, since a raw socket shows neither the hop limit nor the MAC of what it receives.
 */
export function askNdp(config: ProbeConfig, events: AskerEvents): Asker {
  const sourceMac = parseMac(networkInterfaces()[config.link]?.[0]?.mac ?? '');
  const port = openPort(config.link, 'icmp6 and ip6[40] == 136', (frame) => {
    const packet = parseIpv6(frame.subarray(ETHERNET_HEADER_LENGTH));
    const message = packet === undefined ? undefined : parseNdp(packet);
    if (typeof message !== 'object' || message.kind !== 'advertisement') return;
    if (!message.solicited) return;
    const mac =
      message.targetMac === undefined ? formatMac(frame, 6) : formatMac(message.targetMac);
    events.answered(ipFromBigInt(6, message.target), undefined, mac);
  });
  const socket = openIcmpv6(config.link, events);
  return {
    ask: (target) => {
      const address = ipv6Of(target);
      const message = emitNdpMessage({ kind: 'solicitation', target: address, sourceMac });
      const group = ipFromBigInt(6, solicitedNodeGroup(address));
      socket.send(Buffer.from(message), 0, message.length, group, (error) => {
        if (error) events.refused(codeOf(error));
      });
    },
    close: () => {
      socket.close();
      port.close();
    },
  };
}

/**
 * No `inbound` in the filter: libpcap runs the filter itself on the first frame after it was set, where `inbound` does
 * not work on Ethernet, and that frame is lost (measured). What the kernel of the client sends is told apart by address.
 */
function openPort(
  link: string,
  filter: string,
  onFrame: (frame: Uint8Array) => void,
): InstanceType<typeof cap.Cap> {
  const port = new cap.Cap();
  const buffer = Buffer.alloc(FRAME_BUFFER_BYTES);
  const linkType = port.open(link, filter, CAPTURE_BUFFER_BYTES, buffer);
  if (linkType !== 'ETHERNET') throw new Error(`link ${link} is ${linkType}, not Ethernet`);
  // Parsed before the handler returns: the next frame overwrites the buffer.
  port.on('packet', (length) => onFrame(buffer.subarray(0, length)));
  return port;
}

/** Options by number, from Linux' socket.h, in6.h and icmpv6.h: the package knows no names for them. */
function openIcmpv6(link: string, events: AskerEvents): RawSocket {
  const SOL_SOCKET = 1;
  const SO_BINDTODEVICE = 25;
  const IPPROTO_IPV6 = 41;
  const IPV6_MULTICAST_IF = 17;
  const IPV6_MULTICAST_HOPS = 18;
  const IPPROTO_ICMPV6 = 58;
  const ICMP6_FILTER = 1;
  const raw: RawSocketModule = require('raw-socket');
  const socket = raw.createSocket({ addressFamily: 2, protocol: IPPROTO_ICMPV6 });
  const device = Buffer.from(`${link}\0`);
  const index = Number(readFileSync(`/sys/class/net/${link}/ifindex`, 'utf8'));
  const blockAll = Buffer.alloc(32, 0xff);
  socket.setOption(SOL_SOCKET, SO_BINDTODEVICE, device, device.length);
  socket.setOption(IPPROTO_IPV6, IPV6_MULTICAST_IF, index);
  socket.setOption(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 255);
  socket.setOption(IPPROTO_ICMPV6, ICMP6_FILTER, blockAll, blockAll.length);
  socket.on('error', (error) => events.refused(codeOf(error)));
  return socket;
}
