import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectText, inNamespace, startCapture } from './capture.ts';
import type { SpooferConfig } from './spoofer/protocol.ts';
import type { Client, Segment } from './types.ts';

const WITNESS_GROUP = '034c48000001';
const WITNESS_TYPE = '88b5';
const SPOOFER_MAC = '020000000b02';
/** Random frames, and as many forgeries of every captured one. */
const FORGERIES = 40;

/**
 * Frames that no agent may believe, in hexadecimal digits: what the witness said on the segment in
 * the last second word for word, the same with single bits flipped, and noise of its EtherType.
 */
export async function untrueFrames({ netns, ports }: Segment): Promise<string[]> {
  const filter = `ether proto 0x${WITNESS_TYPE}`;
  const capture = await startCapture({ netns, ports, filter, snapshotBytes: 2048 });
  await sleep(1000);
  const heard = capture.frames().slice(0, FORGERIES);
  await capture.stop();
  // From a MAC of its own: with a node's, the switch would send the spoofer what is for the node.
  const header = WITNESS_GROUP + SPOOFER_MAC + WITNESS_TYPE;
  const replayed = heard.map(({ payload }) => header + hex(payload));
  const flipped = heard.map(({ payload }) => header + hex(flip(payload)));
  const noise = Array.from({ length: FORGERIES }, (_, index) => {
    const version = index % 2 === 0 ? '01' : '';
    return header + version + randomBytes(46 + 8 * index).toString('hex');
  });
  return [...replayed, ...flipped, ...noise];
}

/** Sends the frames from the client until it is stopped; resolves then with how many there were. */
export function startSpoofer(
  from: Client,
  frames: readonly string[],
  perSecond: number,
): { stop(): Promise<number> } {
  const program = join(import.meta.dirname, 'spoofer/main.ts');
  const child = inNamespace(from.netns, [process.execPath, program]);
  const words = collectText(child.stderr);
  const counts = collectText(child.stdout);
  const closed = once(child, 'close');
  child.stdin?.on('error', () => {});
  const config: SpooferConfig = { link: from.link, frames, perSecond };
  child.stdin?.write(`${JSON.stringify(config)}\n`);
  return {
    async stop() {
      child.stdin?.end();
      await closed;
      const sent = Number(counts().trim().split('\n').at(-1));
      if (!(sent > 0)) throw new Error(`the spoofer sent nothing: ${words().trim()}`);
      return sent;
    },
  };
}

function flip(payload: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(payload);
  const at = Math.floor(Math.random() * bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
  return bytes;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
