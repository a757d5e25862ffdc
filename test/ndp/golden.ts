/** Packets that a Linux 6.18 kernel sent, captured by tcpdump on a veth pair: from the IPv6 header on. */

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));

/** fe80::ff:fe00:3 asks for 2001:db8:1::100, with its source link-layer address. */
export const SOLICITATION = bytes(`
  6003 648c 0020 3aff fe80 0000 0000 0000 0000 00ff fe00 0003
  ff02 0000 0000 0000 0000 0001 ff00 0100
  8700 4a5e 0000 0000 2001 0db8 0001 0000 0000 0000 0000 0100 0101 0200 0000 0003`);

/** The kernel's answer to it: solicited, override, with the target link-layer address. */
export const ADVERTISEMENT = bytes(`
  6000 0000 0020 3aff 2001 0db8 0001 0000 0000 0000 0000 0100
  fe80 0000 0000 0000 0000 00ff fe00 0003
  8800 b8aa 6000 0000 2001 0db8 0001 0000 0000 0000 0000 0100 0201 0200 0000 0001`);

/** Duplicate address detection for fe80::ff:fe00:2, with a nonce option (RFC 7527). */
export const DAD_SOLICITATION = bytes(`
  6000 0000 0020 3aff 0000 0000 0000 0000 0000 0000 0000 0000
  ff02 0000 0000 0000 0000 0001 ff00 0002
  8700 e53c 0000 0000 fe80 0000 0000 0000 0000 00ff fe00 0002 0e01 c5fe c506 fed7`);
