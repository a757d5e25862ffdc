import { add, type Instant } from '../../src/instant.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { superviseWire } from '../../src/wire/supervisor.ts';
import type { StubCommand } from './wire-lab.ts';

/**
 * The smallest agent there can be: one link, and every right to its table that the test gives it.
 */
const clock = systemClock();
const silent = () => {};
const wire = superviseWire({
  link: process.argv[2] ?? '',
  entry: process.argv[3] ?? '',
  clock,
  log: {
    debug: silent,
    info: silent,
    warn: (fields, message) => process.stderr.write(`${JSON.stringify({ ...fields, message })}\n`),
    error: silent,
  },
  onChange: silent,
});
let authority: 'held' | 'lapsed' | 'silent' = 'lapsed';
let provenAt: Instant | null = null;
clock.every(50, () => {
  const now = clock.now();
  if (authority === 'silent') return;
  wire.tick({ until: authority === 'held' ? add(now, 500) : null, provenAt }, now);
});
process.on('disconnect', () => process.exit(0));
process.on('message', async (command: StubCommand) => {
  if (command.vips !== undefined) wire.setTable(command.vips);
  if (command.authority !== undefined) authority = command.authority;
  if (command.prove) provenAt = clock.now();
  if (command.close) await wire.close();
  const { mayAnswer, counters, ...status } = wire.status();
  process.send?.({
    ...status,
    mayAnswer: [...mayAnswer].sort(),
    counters: Object.fromEntries(counters),
  });
});
