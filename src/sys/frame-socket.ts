import cap from 'cap';
import type { LinkName } from '../model.ts';
import { isLinkUp } from './link-files.ts';

/**
 * Untagged ARP (replies too: they tell that this link hears), Neighbor Advertisements, and frames of the
 * witness. `vlan` stands last: it shifts the offsets of everything after it. Without
 * `inbound`: libpcap filters the first frame after opening by itself, cannot tell its direction
 * there, and would lose the first request of all. What this host sends is dropped as `own_frame`
 * instead.
 */
const FILTER = '(arp or (icmp6 and ip6[40]=136) or ether proto 0x88b5) and not vlan';
const RING_BYTES = 4 * 1024 * 1024;
const MAX_FRAME = 65_535;
/** Ethernet's own maximum without a VLAN tag: nothing of ours is longer. */
const MAX_SENT = 1514;

/**
 * The native half calls `emit` for every frame. Taking the call ourselves spares the answer the way
 * through EventEmitter, which is cold at a hundred frames a second (measured).
 */
class Tap extends cap.Cap {
  onFrame: (length: number) => void = () => {};

  override emit(_event: 'packet', length: number): boolean {
    this.onFrame(length);
    return true;
  }
}

/**
 * Whole Ethernet frames in and out of one link.
 *
 * The library has no mercy, so every rule here prevents a crash: it aborts the process when the
 * link goes down or away (so the owner of this object is a process of its own), when anything
 * follows a failed `open` (so the process must end then), and when it sends unopened; it writes
 * into the buffer for as long as it lives (so the buffer is held here).
 */
export class FrameSocket {
  readonly #cap = new Tap();
  readonly #buffer: Buffer = Buffer.alloc(MAX_FRAME);
  /** The frames of a segment are nearly all of one length: its view is made once. */
  #view: Uint8Array = this.#buffer.subarray(0, 0);
  /** What is to be sent is copied here: V8 keeps small arrays on its heap, and would move each out. */
  readonly #sent: Buffer = Buffer.alloc(MAX_SENT);
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
    this.#cap.onFrame = (length) => {
      if (!this.#open) return;
      if (this.#view.length !== length) this.#view = this.#buffer.subarray(0, length);
      onFrame(this.#view);
    };
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

  /**
   * Hands a frame of at most 1,514 bytes to the kernel; false if it is longer, the socket is closed
   * or the kernel refuses it.
   */
  send(frame: Uint8Array): boolean {
    if (!this.#open || frame.length > MAX_SENT) return false;
    try {
      this.#sent.set(frame);
      this.#cap.send(this.#sent, frame.length);
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
