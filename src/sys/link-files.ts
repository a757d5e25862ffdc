import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import type { LinkName } from '../model.ts';
import { macIsAt, parseMac } from '../net/mac.ts';

const IFF_UP = 1;
const CLASS = '/sys/class/net';

/**
 * Whether the kernel has a link of this name that is administratively up. Reads sysfs; false if the
 * link is not there.
 */
export function isLinkUp(link: LinkName): boolean {
  if (!isLinkName(link)) return false;
  try {
    return (
      (Number.parseInt(readFileSync(`${CLASS}/${link}/flags`, 'latin1'), 16) & IFF_UP) === IFF_UP
    );
  } catch {
    // Gone, or going while we read: both mean that it is not up.
    return false;
  }
}

/**
 * A link's MAC and flags, read afresh from files that are held open: of this very link, never of a
 * later one of its name.
 */
export class LinkFiles {
  readonly #address: number;
  readonly #flags: number;
  readonly #text: Buffer = Buffer.alloc(32);
  #mac: Uint8Array | undefined;

  /** Throws if there is no such link. */
  constructor(link: LinkName) {
    if (!isLinkName(link)) throw new Error(`"${link}" cannot be the name of a link`);
    if (!existsSync(`${CLASS}/${link}`)) throw new Error(`link ${link} does not exist`);
    this.#address = openSync(`${CLASS}/${link}/address`, 'r');
    this.#flags = openSync(`${CLASS}/${link}/flags`, 'r');
  }

  /**
   * The MAC at this moment; undefined once the link is gone. The same object for as long as it
   * stays the same.
   */
  mac(): Uint8Array | undefined {
    const text = this.#read(this.#address);
    const mac = text === undefined ? undefined : parseMac(text.toString('latin1').trim());
    if (mac === undefined || this.#mac === undefined || !macIsAt(mac, 0, this.#mac))
      this.#mac = mac;
    return this.#mac;
  }

  /** Administratively up at this moment; false once the link is gone. */
  isUp(): boolean {
    const text = this.#read(this.#flags);
    return text !== undefined && (Number.parseInt(text.toString('latin1'), 16) & IFF_UP) === IFF_UP;
  }

  close(): void {
    closeSync(this.#address);
    closeSync(this.#flags);
  }

  #read(fd: number): Buffer | undefined {
    try {
      return this.#text.subarray(0, readSync(fd, this.#text, 0, this.#text.length, 0));
    } catch {
      // ENODEV: the link that these files belonged to does not exist any more.
      return undefined;
    }
  }
}

function isLinkName(text: string): boolean {
  return /^[^/\s]{1,15}$/.test(text) && text !== '.' && text !== '..';
}
