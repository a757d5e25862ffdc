/** Sends frames on a link of its namespace, evenly paced, until its input ends. */
import { createInterface } from 'node:readline';
import cap from 'cap';
import type { SpooferConfig } from './protocol.ts';

const TICK_MS = 5;

function start({ link, frames, perSecond }: SpooferConfig): void {
  const socket = new cap.Cap();
  // What comes in is of no interest: no frame matches.
  socket.open(link, 'less 1', 1024 * 1024, Buffer.alloc(2048));
  const bytes = frames.map((frame) => Buffer.from(frame, 'hex'));
  const begun = performance.now();
  let sent = 0;
  setInterval(() => {
    const due = Math.floor(((performance.now() - begun) / 1000) * perSecond);
    for (; sent < due; sent += 1) {
      const frame = bytes[sent % bytes.length] ?? Buffer.alloc(60);
      socket.send(frame, frame.length);
    }
    process.stdout.write(`${sent}\n`);
  }, TICK_MS);
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => start(JSON.parse(line)));
lines.on('close', () => process.exit(0));
