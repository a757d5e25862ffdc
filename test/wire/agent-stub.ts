import type { ProbeResult } from '../../src/election/probing.ts';
import { add, type Instant } from '../../src/instant.ts';
import type { BeatContent, Neighbour } from '../../src/model.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { superviseWire } from '../../src/wire/supervisor.ts';
import type { StubCommand, ToldNote } from './wire-lab.ts';

/**
 * The smallest agent there can be: one link, and every right to its table that the test gives it.
 */
const clock = systemClock();
const silent = () => {};
const told: ToldNote[] = [];
const results: ProbeResult[] = [];
/** Of each silence that was told: how late, in ms after its deadline. */
const silences: number[] = [];
let silentMs = Number.POSITIVE_INFINITY;
const wasSilent = new Set<string>();

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
  onChange() {
    const now = clock.now();
    const { asOf, peers } = wire.status().hearing ?? { asOf: now, peers: new Map() };
    for (const [node, { heardAt }] of peers) {
      if (asOf < heardAt + silentMs) wasSilent.delete(node);
      else if (!wasSilent.has(node)) {
        wasSilent.add(node);
        silences.push(now - heardAt - silentMs);
      }
    }
  },
  onProbed: (result) => results.push(result),
  onTold: (from, utterance) => told.push({ from, utterance, at: monotonic() }),
});
let authority: 'held' | 'lapsed' | 'silent' = 'lapsed';
let provenAt: Instant | null = null;
let provenFor: number | undefined;
let beat: BeatContent | null = null;
let mayHold = false;
let incarnation = 1;
let neighbours: readonly Neighbour[] = [];
clock.every(50, () => {
  const now = clock.now();
  if (authority === 'silent') return;
  // As an agent does, that renews its heartbeat at once when a wire has begun anew.
  const { state, restarts } = wire.status();
  if (state === 'ready' && provenFor !== restarts) {
    provenAt = now;
    provenFor = restarts;
  }
  const until = authority === 'held' ? add(now, 500) : null;
  wire.tick(
    { until, provenAt, sentAt: now, incarnation, held: mayHold, beat, ask: neighbours },
    now,
  );
});
process.on('disconnect', () => process.exit(0));
process.on('message', async (command: StubCommand) => {
  if (command.vips !== undefined || command.waiting !== undefined) {
    wire.setTable(command.vips ?? [], command.waiting);
  }
  if (command.authority !== undefined) authority = command.authority;
  if (command.prove) provenAt = clock.now();
  if (command.held !== undefined) mayHold = command.held;
  if (command.witness !== undefined) {
    wire.setWitness(command.witness);
    silentMs = command.witness.beatMs * command.witness.silentBeats + 25;
  }
  if (command.incarnation !== undefined) incarnation = command.incarnation;
  if (command.beat !== undefined) beat = command.beat;
  if (command.neighbours !== undefined) neighbours = command.neighbours;
  let toldAt = 0;
  if (command.tell !== undefined) {
    toldAt = monotonic();
    wire.tell(command.tell);
  }
  if (command.probe !== undefined) wire.probe(command.probe);
  if (command.close) await wire.close();
  const { mayAnswer, counters, ...status } = wire.status();
  process.send?.({
    ...status,
    mayAnswer: [...mayAnswer].sort(),
    counters: Object.fromEntries(counters),
    told: told.splice(0),
    probed: results.splice(0),
    toldAt,
    silences: [...silences],
    now: clock.now(),
  });
});

/** CLOCK_MONOTONIC in ms: the same in all processes of this host. */
function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
