import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';

const CAP_NET_RAW = 13n;

/**
 * Tells two machines of one name, and two boots of one machine, apart: the kernel's boot id and the number of
 * our network namespace, for nodes in containers share a kernel. Processes with the same one share the lock
 * of the node (`takeNodeLock`), which lives in that namespace.
 */
export function bootId(): string {
  const kernel = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const [namespace] = /\d+/.exec(readlinkSync('/proc/self/ns/net')) ?? [];
  return `${kernel}.${namespace}`;
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
