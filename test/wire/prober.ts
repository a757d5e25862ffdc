import cap from 'cap';
import { emitArp } from '../../src/arp/packet.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { BROADCAST_MAC, parseMac, ZERO_MAC } from '../../src/net/mac.ts';
import { LinkFiles } from '../../src/sys/link-files.ts';
import type { ProbeCommand, SeenFrame } from './wire-lab.ts';

/**
 * The other end of the segment: sends ARP requests and reports every frame of ARP and of the witness, with
 * its time in ms.
 */
const link = process.argv[2] ?? '';
const socket = new cap.Cap();
const buffer = Buffer.alloc(65_535);
socket.open(link, 'arp or ether proto 0x88b5', 1024 * 1024, buffer);
const seen: SeenFrame[] = [];
const sentAt: number[] = [];
socket.on('packet', (length) => {
  // ARP without its padding.
  const end = buffer.readUInt16BE(12) === 0x0806 ? Math.min(length, 42) : length;
  seen.push({ at: performance.now(), hex: buffer.toString('hex', 0, end) });
});
const own = new LinkFiles(link).mac() ?? ZERO_MAC;

process.on('disconnect', () => process.exit(0));
process.on('message', async (command: ProbeCommand) => {
  if (command.ask !== undefined) {
    const { vip, count, everyMs, to, from } = command.ask;
    const frame = emitArp({
      destination: to === undefined ? BROADCAST_MAC : (parseMac(to) ?? ZERO_MAC),
      source: own,
      operation: 1,
      senderMac: own,
      senderIp: parseIpv4(from ?? '192.0.2.77') ?? 0,
      targetMac: ZERO_MAC,
      targetIp: parseIpv4(vip) ?? 0,
    });
    for (let i = 0; i < count; i++) {
      sentAt.push(performance.now());
      socket.send(frame, frame.length);
      if (everyMs > 0) await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
  if (command.raw !== undefined) {
    const frame = Buffer.from(command.raw, 'hex');
    for (let i = 0; i < (command.times ?? 1); i++) {
      socket.send(frame, frame.length);
      // A burst of ten each millisecond.
      if (i % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  process.send?.({ seen: seen.splice(0), sentAt: sentAt.splice(0) });
});
