import { closeSync, openSync, readSync } from 'node:fs';
import { endianness, networkInterfaces } from 'node:os';
import type { LinkName } from '../model.ts';

const ROUTES = '/proc/net/route';
/** The kernel lists the default route first, 128 bytes a line: a node may have thousands of others. */
const READ_BYTES = 4096;
const RTF_GATEWAY = 0x2;

/** An IPv4 address of this host on a link. */
export interface OwnAddress {
  readonly ip: string;
  readonly prefixLength: number;
}

/** The IPv4 addresses that the link has at this moment, in the kernel's order. */
export function addressesOn(link: LinkName): readonly OwnAddress[] {
  return (networkInterfaces()[link] ?? []).flatMap(({ family, address, cidr }) =>
    family === 'IPv4' ? [{ ip: address, prefixLength: Number(cidr?.split('/')[1] ?? 32) }] : [],
  );
}

/** The IPv4 gateways that are reached over the link at this moment, that of the default route first. */
export function gatewaysOn(link: LinkName): readonly string[] {
  try {
    const file = openSync(ROUTES, 'r');
    const buffer = Buffer.alloc(READ_BYTES);
    try {
      return gatewaysIn(buffer.toString('latin1', 0, readSync(file, buffer)), link);
    } finally {
      closeSync(file);
    }
  } catch {
    // A kernel without IPv4 has no such file, and no such gateway.
    return [];
  }
}

/** The same from the text of `/proc/net/route`, of which the end may be missing. */
export function gatewaysIn(routes: string, link: LinkName): readonly string[] {
  const found = new Set<string>();
  for (const line of routes.split('\n')) {
    const [name, , gateway = '', flags = ''] = line.split('\t');
    if (name !== link || !/^[0-9A-F]{8}$/.test(gateway)) continue;
    if ((Number.parseInt(flags, 16) & RTF_GATEWAY) === 0) continue;
    // The kernel prints the four bytes as a number of this machine.
    const bytes = [...Buffer.from(gateway, 'hex')];
    found.add((endianness() === 'LE' ? bytes.reverse() : bytes).join('.'));
  }
  return [...found];
}
