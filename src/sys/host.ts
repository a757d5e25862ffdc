import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const CAP_NET_RAW = 13n;

/** The kernel's boot id: tells two machines of one name, and two boots of one machine, apart. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Random text that no other process shares. */
export function sessionId(): string {
  return randomBytes(8).toString('hex');
}

/** Whether this process may open packet sockets (CAP_NET_RAW in its effective set). */
export function hasNetRaw(): boolean {
  const match = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return match?.[1] !== undefined && ((BigInt(`0x${match[1]}`) >> CAP_NET_RAW) & 1n) === 1n;
}
