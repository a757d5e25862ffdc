/** One packet of a capture: `at` in milliseconds since 1970 (to a quarter of a microsecond). */
export interface PcapRecord {
  readonly at: number;
  readonly bytes: Uint8Array;
  /** Bytes of the packet that the snapshot length cut off. */
  readonly cut: number;
}

/** What Linux tells of a packet captured on `any` (LINKTYPE_LINUX_SLL2, 276). */
export interface CookedFrame {
  readonly etherType: number;
  readonly ifindex: number;
  readonly delivery: Delivery;
  /** Hardware address of the sender, in text. */
  readonly source: string;
  readonly payload: Uint8Array;
}

/** `sent` is a frame that leaves the link; the others come in. */
export type Delivery = 'unicast' | 'broadcast' | 'multicast' | 'sent';

const MAGIC_MICRO = 0xa1b2c3d4;
const MAGIC_NANO = 0xa1b23c4d;
export const LINKTYPE_SLL2 = 276;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const SLL2_HEADER = 20;
const MAX_RECORD = 262_144;

/**
 * Reads a classic pcap stream chunk by chunk: each call returns the records that became whole.
 * Throws on anything that is no pcap stream of link type SLL2.
 */
export function pcapReader(): (chunk: Uint8Array) => PcapRecord[] {
  let pending: Uint8Array = new Uint8Array(0);
  let header: { littleEndian: boolean; unitsPerMs: number } | undefined;
  return (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    if (header === undefined) {
      if (pending.length < FILE_HEADER) return [];
      header = fileHeader(pending);
      pending = pending.subarray(FILE_HEADER);
    }
    const records: PcapRecord[] = [];
    while (pending.length >= RECORD_HEADER) {
      const view = new DataView(pending.buffer, pending.byteOffset, pending.byteLength);
      const stored = view.getUint32(8, header.littleEndian);
      if (stored > MAX_RECORD)
        throw new RangeError(`pcap: a record of ${stored} bytes is no record`);
      if (pending.length < RECORD_HEADER + stored) break;
      records.push({
        at:
          view.getUint32(0, header.littleEndian) * 1000 +
          view.getUint32(4, header.littleEndian) / header.unitsPerMs,
        bytes: pending.subarray(RECORD_HEADER, RECORD_HEADER + stored),
        cut: view.getUint32(12, header.littleEndian) - stored,
      });
      pending = pending.subarray(RECORD_HEADER + stored);
    }
    return records;
  };
}

function fileHeader(bytes: Uint8Array): { littleEndian: boolean; unitsPerMs: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(0, littleEndian);
    if (magic !== MAGIC_MICRO && magic !== MAGIC_NANO) continue;
    const linkType = view.getUint32(20, littleEndian) & 0xffff;
    if (linkType !== LINKTYPE_SLL2) {
      throw new RangeError(
        `pcap: link type ${linkType}; capture with tcpdump -i any -y LINUX_SLL2`,
      );
    }
    return { littleEndian, unitsPerMs: magic === MAGIC_NANO ? 1_000_000 : 1000 };
  }
  throw new RangeError('pcap: no magic number; is this the output of tcpdump -w - ?');
}

/** The cooked header and what follows it, or undefined if the bytes are too short. */
export function parseCooked(bytes: Uint8Array): CookedFrame | undefined {
  if (bytes.length < SLL2_HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    etherType: view.getUint16(0),
    ifindex: view.getUint32(4),
    delivery: DELIVERIES[view.getUint8(10)] ?? 'unicast',
    source: Buffer.from(bytes.subarray(12, 18))
      .toString('hex')
      .replace(/(..)(?=.)/g, '$1:'),
    payload: bytes.subarray(SLL2_HEADER),
  };
}

/** By the kernel's packet type: to us, broadcast, multicast, to another host, outgoing. */
const DELIVERIES: readonly Delivery[] = ['unicast', 'broadcast', 'multicast', 'unicast', 'sent'];
