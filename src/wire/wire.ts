import { gratuitous } from '../arp/gratuitous.ts';
import { respond } from '../arp/respond.ts';
import type { Instant } from '../instant.ts';
import type { LinkName } from '../model.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import { type Clock, systemClock } from '../sys/clock.ts';
import { FrameSocket } from '../sys/frame-socket.ts';
import { LinkFiles } from '../sys/link-files.ts';
import { announceAgain, idleAnnouncer, setVips, takeDue } from './announce.ts';
import { permit, shutGate, shutReason, tick } from './gate.ts';
import type { FromWire, Permit, Table, ToWire } from './messages.ts';

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
  const announcer = idleAnnouncer(clock.now());
  const counters = new Map<string, number>();
  const count = (key: string) => counters.set(key, (counters.get(key) ?? 0) + 1);
  const files = new LinkFiles(link);
  let mac = files.mac();
  let table: ReadonlyMap<number, string> = new Map();

  const send = (frame: Uint8Array, key: string) => {
    const shut = shutReason(gate, clock.now());
    count(shut === undefined ? (socket.send(frame) ? key : 'send_failed') : `withheld_${shut}`);
  };
  const answer = (frame: Uint8Array) => {
    if (mac === undefined) return;
    const reply = respond(frame, table, mac);
    if (typeof reply === 'string') {
      count(`dropped_${reply}`);
      return;
    }
    send(reply, 'arp_answered');
    // After the answer, where it delays nobody: if its MAC had just changed, the new one is
    // announced at once.
    if (files.mac() !== mac) pump();
  };
  const pump = () => {
    const before = mac;
    mac = files.mac();
    if (mac !== before) announceAgain(announcer, clock.now());
    if (mac === undefined || shutReason(gate, clock.now()) !== undefined) return;
    for (const { ip, form } of takeDue(announcer, clock.random, clock.now())) {
      send(gratuitous(form, ip, mac), `garp_${form}`);
    }
    const pause = announcer.wakeAt - clock.now();
    if (pause <= TICK_MS) pumpIn(pause);
  };
  const pumpIn = alarm(clock, pump);

  const hear = (message: ToWire) => {
    if (message.kind === 'table') {
      table = tableOf(message);
      setVips(announcer, table, clock.now());
      say({ kind: 'ack', version: message.version });
    } else {
      permit(gate, message, clock.now());
      say(pong(message, gate.suspectSince, counters));
    }
    pump();
  };
  const ticks = clock.every(TICK_MS, () => {
    tick(gate, clock.now());
    // Seen here in time, it ends in good order; else the library aborts the process, which is as
    // good.
    if (!files.isUp()) fail(`link ${link} went down or away`);
    pump();
  });
  const socket = new FrameSocket(link, answer);
  const close = () => {
    ticks.close();
    socket.close();
  };
  return { hear, close };
}

/** Runs the action once after a pause; one that is already waiting is not put off. */
function alarm(clock: Clock, action: () => void): (ms: number) => void {
  let waiting = false;
  return (ms) => {
    if (waiting) return;
    waiting = true;
    clock.sleep(ms).then(() => {
      waiting = false;
      action();
    });
  };
}

function tableOf(message: Table): ReadonlyMap<number, string> {
  const table = new Map<number, string>();
  for (const { vip, epoch } of message.vips) {
    const ip = parseIpv4(vip);
    if (ip !== undefined) table.set(ip, epoch);
  }
  return table;
}

function pong(
  { ping }: Permit,
  suspectSince: Instant | null,
  counters: ReadonlyMap<string, number>,
): FromWire {
  return { kind: 'pong', ping, suspectSince, counters: Object.fromEntries(counters) };
}

/**
 * The parent's death closes the channel, and `disconnect` ends this process: a failed send needs no
 * other care.
 */
function say(message: FromWire, then: () => void = () => {}): void {
  if (process.connected) process.send?.(message, then);
}
