import type { Instant } from '../instant.ts';
import type { LinkHearing, LinkName, Neighbour } from '../model.ts';
import { etherTypeOf, SOURCE_OFFSET } from '../net/ethernet.ts';
import { macIsAt } from '../net/mac.ts';
import { afterInput, type Clock, systemClock } from '../sys/clock.ts';
import { FrameSocket } from '../sys/frame-socket.ts';
import { LinkFiles } from '../sys/link-files.ts';
import { addressesOn, gatewaysOn } from '../sys/neighbourhood.ts';
import { ETHERTYPE_WITNESS } from '../witness/frame.ts';
import { type Answers, openAnswers } from './answers.ts';
import { type Gate, shutGate, shutReason, tick } from './gate.ts';
import type { FromWire, Permit, ToWire } from './messages.ts';
import { openProbePort, type ProbePort } from './probe-port.ts';
import { questionsFor } from './questions.ts';
import { openWitnessPort, type WitnessPort } from './witness-port.ts';

const TICK_MS = 50;

/**
 * The packet process of one link: answers and announces what its agent permits, and nothing else.
 * Resolves when the process has to end: its agent is gone, or the link is. Not to be called twice
 * in a process.
 */
export function runWire({ link }: { readonly link: LinkName }): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (process.send === undefined) {
    throw new Error('a wire is started by its agent; run `leasehold agent` instead');
  }
  // A signal to the whole group must leave the agent the time to release in order.
  process.on('SIGTERM', () => {});
  process.on('SIGINT', () => {});
  process.on('disconnect', resolve);
  const fail = (reason: string) => {
    // Without a channel nobody is left to be told.
    if (process.connected) say({ kind: 'failed', reason }, resolve);
    else resolve();
  };
  try {
    const wire = openWire(link, systemClock(), fail);
    process.on('message', (message: ToWire) => wire.hear(message));
    promise.then(wire.close);
    say({ kind: 'ready' });
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
  return promise;
}

function openWire(link: LinkName, clock: Clock, fail: (reason: string) => void) {
  const gate = shutGate(clock.now());
  const counters = new Map<string, number>();
  const count = (key: string) => counters.set(key, (counters.get(key) ?? 0) + 1);
  const files = new LinkFiles(link);
  const answers = openAnswers({
    clock,
    files,
    count,
    send(frame, key) {
      const shut = shutReason(gate, clock.now());
      count(shut === undefined ? (socket.send(frame) ? key : 'send_failed') : `withheld_${shut}`);
    },
    isShut: () => shutReason(gate, clock.now()) !== undefined,
    afterInput,
  });
  const witness = openWitnessPort({
    clock,
    gate,
    mac: answers.mac,
    send: (frame) => socket.send(frame),
    questions: (neighbours) => questionsOn(link, neighbours, answers.mac()),
    report: say,
    onBack: answers.announceAfterGap,
    count,
  });
  const probes = openProbePort({
    clock,
    mac: answers.mac,
    send: (frame) => socket.send(frame),
    report: say,
    count,
  });

  const receive = (frame: Uint8Array) => {
    if (etherTypeOf(frame) === ETHERTYPE_WITNESS) {
      witness.receive(frame);
      return;
    }
    answers.answer(frame);
    probes.receive(frame);
    const mac = answers.mac();
    if (mac === undefined || macIsAt(frame, SOURCE_OFFSET, mac)) return;
    // The last tick, and no look at the clock, for the many requests of a segment; answers to us are few.
    witness.noteForeign(macIsAt(frame, 0, mac) ? clock.now() : gate.tickedAt);
  };
  const hear = hearer({ gate, counters, answers, probes, witness });
  const ticks = clock.every(TICK_MS, () => {
    tick(gate, clock.now());
    // Seen here in time, it ends in good order; else the library aborts the process, which is as
    // good.
    if (!files.isUp()) fail(`link ${link} went down or away`);
    answers.pump();
  });
  const socket = new FrameSocket(link, receive);
  const close = () => {
    ticks.close();
    witness.close();
    probes.close();
    answers.close();
    socket.close();
  };
  return { hear, close };
}

/** Does what the agent says. */
function hearer({
  gate,
  counters,
  answers,
  probes,
  witness,
}: {
  readonly gate: Gate;
  readonly counters: ReadonlyMap<string, number>;
  readonly answers: Answers;
  readonly probes: ProbePort;
  readonly witness: WitnessPort;
}): (message: ToWire) => void {
  return (message) => {
    switch (message.kind) {
      case 'table':
        answers.setTable(message);
        say({ kind: 'ack', version: message.version });
        break;
      case 'permit':
        witness.permit(message);
        say(pong(message, gate.suspectSince, counters, witness.news()));
        break;
      case 'witness':
        witness.setUp(message);
        break;
      case 'probe':
        probes.start(message);
        break;
      case 'tell':
        witness.tell(message.utterance);
        break;
    }
    answers.pump();
  };
}

/** The hosts first: there is room for few questions, and a host of which the agent alone is gone answers. */
function questionsOn(
  link: LinkName,
  neighbours: readonly Neighbour[],
  mac: Uint8Array | undefined,
): readonly Uint8Array[] {
  if (mac === undefined) return [];
  const hosts = neighbours.flatMap(({ addresses }) => addresses);
  return questionsFor([...hosts, ...gatewaysOn(link)], addressesOn(link), mac);
}

function pong(
  { ping }: Permit,
  suspectSince: Instant | null,
  counters: ReadonlyMap<string, number>,
  hearing: LinkHearing | undefined,
): FromWire {
  const told = { ping, suspectSince, counters: Object.fromEntries(counters) };
  return { kind: 'pong', ...told, ...(hearing === undefined ? {} : { hearing }) };
}

/**
 * The parent's death closes the channel, and `disconnect` ends this process: a failed send needs no
 * other care.
 */
function say(message: FromWire, then: () => void = () => {}): void {
  if (process.connected) process.send?.(message, then);
}
