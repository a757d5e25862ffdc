import cap from 'cap';
import type { LinkName } from '../model.ts';
import { isLinkUp } from './link-files.ts';

/**
 * Untagged ARP requests. `vlan` stands last: it shifts the offsets of everything after it. Without
 * `inbound`: libpcap filters the first frame after opening by itself, cannot tell its direction
 * there, and would lose the first request of all. What this host sends is dropped as `own_frame`
 * instead.
 */
const FILTER = 'arp[6:2]=1 and not vlan';
const RING_BYTES = 4 * 1024 * 1024;
const MAX_FRAME = 65_535;

/**
 * Whole Ethernet frames in and out of one link.
 *
 * The library has no mercy, so every rule here prevents a crash: it aborts the process when the
 * link goes down or away (so the owner of this object is a process of its own), when anything
 * follows a failed `open` (so the process must end then), and when it sends unopened; it writes
 * into the buffer for as long as it lives (so the buffer is held here).
 */
export class FrameSocket {
  readonly #cap = new cap.Cap();
  readonly #buffer: Buffer = Buffer.alloc(MAX_FRAME);
  #open = false;

  /**
   * Opens the link. Throws if it is not up or the privilege NET_RAW is missing: the process has to
   * end then. The frame handed to `onFrame` is overwritten by the next one.
   */
  constructor(link: LinkName, onFrame: (frame: Uint8Array) => void) {
    if (!isLinkUp(link)) throw new Error(`link ${link} does not exist or is not up`);
    const linkType = this.#openLink(link);
    if (linkType !== 'ETHERNET') throw new Error(`link ${link} is ${linkType}, not Ethernet`);
    this.#open = true;
    this.#cap.on('packet', (length) => {
      if (this.#open) onFrame(this.#buffer.subarray(0, length));
    });
  }

  #openLink(link: LinkName): string {
    try {
      return this.#cap.open(link, FILTER, RING_BYTES, this.#buffer);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(
        `link ${link} cannot be opened (the capability NET_RAW is needed): ${reason}`,
      );
    }
  }

  /** Hands a frame to the kernel; false if the socket is closed or the kernel refuses it. */
  send(frame: Uint8Array): boolean {
    if (!this.#open) return false;
    try {
      this.#cap.send(frame, frame.length);
      return true;
    } catch {
      // ENETDOWN and ENOBUFS are facts of a link; the caller counts them.
      return false;
    }
  }

  /**
   * Nothing comes in or goes out any more. The native half ends with the process: closing it would
   * block for 50 ms.
   */
  close(): void {
    this.#open = false;
  }
}
