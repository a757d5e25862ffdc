import cap from 'cap';
import { emitArp } from '../../src/arp/packet.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { BROADCAST_MAC, parseMac, ZERO_MAC } from '../../src/net/mac.ts';
import { LinkFiles } from '../../src/sys/link-files.ts';
import type { ProbeCommand, SeenFrame } from './wire-lab.ts';

/**
 * The other end of the segment: sends ARP requests and reports every ARP frame that arrives, with
 * its time in ms.
 */
const link = process.argv[2] ?? '';
const socket = new cap.Cap();
const buffer = Buffer.alloc(65_535);
socket.open(link, 'arp', 1024 * 1024, buffer);
const seen: SeenFrame[] = [];
const sentAt: number[] = [];
socket.on('packet', (length) => {
  seen.push({ at: performance.now(), hex: buffer.toString('hex', 0, Math.min(length, 42)) });
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
    socket.send(frame, frame.length);
  }
  process.send?.({ seen: seen.splice(0), sentAt: sentAt.splice(0) });
});
