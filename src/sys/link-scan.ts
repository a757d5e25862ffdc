import { readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Link } from '../model.ts';
import { canonicalIp, subnetOf } from '../net/ip.ts';
import { parseMac } from '../net/mac.ts';

const CLASS = '/sys/class/net';
const ARPHRD_ETHER = '1';
const IFF_UP = 0x1;
const IFF_NOARP = 0x80;

/** All Ethernet links as sysfs shows them: what remains where netlink is not to be had. */
export function scanLinks(): readonly Link[] {
  const addresses = networkInterfaces();
  return readdirSync(CLASS)
    .flatMap((name): Link[] => {
      const read = (file: string) => readText(`${CLASS}/${name}/${file}`);
      const flags = Number.parseInt(read('flags') ?? '0', 16);
      const index = Number(read('ifindex'));
      const mac = read('address');
      if (read('type') !== ARPHRD_ETHER || (flags & IFF_NOARP) !== 0) return [];
      if (!Number.isInteger(index) || mac === undefined || parseMac(mac) === undefined) return [];
      const master = read('master/ifindex');
      const own = (addresses[name] ?? []).flatMap(({ cidr }) => addressOf(cidr));
      return [
        {
          name,
          index,
          mac,
          up: (flags & IFF_UP) !== 0,
          // Reading the carrier of a link that is down is an error, which says the same.
          carrier: read('carrier') === '1',
          master: master === undefined ? undefined : Number(master),
          subnets: own.map(({ ip, prefixLength }) => subnetOf(ip, prefixLength)),
          addresses: own.map(({ ip }) => ip),
        },
      ];
    })
    .toSorted((a, b) => a.index - b.index);
}

function addressOf(
  cidr: string | null,
): readonly { readonly ip: string; readonly prefixLength: number }[] {
  const [text = '', length = ''] = cidr?.split('/') ?? [];
  const ip = canonicalIp(text);
  if (ip === undefined || ip.startsWith('fe80:')) return [];
  return [{ ip, prefixLength: Number(length) }];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    // Links come and go while we read: what cannot be read is not there.
    return undefined;
  }
}
