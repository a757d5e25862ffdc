import type { createRtNetlink } from 'netlink';
import type { Link } from '../model.ts';
import { ipFromBigInt, subnetOf } from '../net/ip.ts';
import { formatMac, MAC_LENGTH } from '../net/mac.ts';

export type RtNetlink = ReturnType<typeof createRtNetlink>;

const DUMP_TIMEOUT_MS = 2000;

/** All Ethernet links of this network namespace by rtnetlink, in the order of their index. */
export async function dumpLinks(netlink: RtNetlink): Promise<readonly Link[]> {
  const options = { timeout: DUMP_TIMEOUT_MS };
  const links = await netlink.getLinks(undefined, undefined, options);
  const addresses = await netlink.getAddresses(undefined, undefined, options);
  const found = Map.groupBy(
    addresses.filter(({ data }) => data.index !== undefined),
    ({ data }) => data.index ?? 0,
  );
  return links.flatMap(({ data, attrs }): Link[] => {
    const { index, flags, type } = data;
    const { ifname, address } = attrs;
    // Loopback, tunnels and the like have no segment on which anybody could ask.
    if (type !== 'ETHER' || index === undefined || typeof flags !== 'object') return [];
    if (flags.noarp || ifname === undefined || address?.length !== MAC_LENGTH) return [];
    const own = (found.get(index) ?? []).flatMap(({ data: { prefixlen }, attrs }) =>
      addressOf(attrs.local ?? attrs.address, prefixlen),
    );
    return [
      {
        name: ifname,
        index,
        mac: formatMac(address),
        up: flags.up ?? false,
        carrier: attrs.carrier === undefined ? (flags.lowerUp ?? false) : attrs.carrier === 1,
        master: attrs.master,
        subnets: own.map(({ ip, prefixLength }) => subnetOf(ip, prefixLength)),
        addresses: own.map(({ ip }) => ip),
      },
    ];
  });
}

function addressOf(
  bytes: Buffer | undefined,
  prefixLength: number | undefined,
): readonly { readonly ip: string; readonly prefixLength: number }[] {
  if (bytes === undefined || prefixLength === undefined) return [];
  // Every link has fe80::/64: it tells nothing about where a VIP belongs.
  if (bytes.length === 16 && bytes.readUInt16BE(0) >> 6 === 0xfe80 >> 6) return [];
  const family = bytes.length === 4 ? 4 : 6;
  return [{ ip: ipFromBigInt(family, BigInt(`0x${bytes.toString('hex')}`)), prefixLength }];
}
