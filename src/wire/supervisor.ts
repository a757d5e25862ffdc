import type { Instant } from '../instant.ts';
import type { LinkName, Vip } from '../model.ts';
import type { Clock } from '../sys/clock.ts';
import { isLinkUp } from '../sys/link-files.ts';
import type { Log } from '../sys/log.ts';
import {
  ANSWER_PATIENCE_MS,
  answered,
  isHung,
  type Liveness,
  START_PATIENCE_MS,
  startCount,
} from './liveness.ts';
import type { FromWire, Grant, TableEntry } from './messages.ts';
import { afterExit, FIRST_START, type Restart } from './restart.ts';
import { acknowledged, mayAnswer, NOTHING_SENT, type SentTables, sent } from './sent-tables.ts';
import { type WireExit, WireProcess } from './wire-process.ts';

const CLOSE_PATIENCE_MS = 500;

export interface WireOptions {
  readonly link: LinkName;
  /** Path of the script that runs a wire when started with `wire --link NAME`. */
  readonly entry: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Something of `status` has changed; what, is to be read there. */
  readonly onChange: () => void;
}

/** What the agent may rely on about the wire of one link. */
export interface WireStatus {
  readonly state: 'starting' | 'ready' | 'gone';
  readonly sentVersion: number;
  readonly ackedVersion: number;
  /**
   * Every VIP that the wire could be answering for; empty only when its process is known to have
   * ended.
   */
  readonly mayAnswer: ReadonlySet<Vip>;
  readonly suspectSince: Instant | null;
  /** Since the supervisor began, over all processes. */
  readonly counters: ReadonlyMap<string, number>;
  readonly restarts: number;
}

/** The agent's side of one link's wire. */
export interface WireSupervisor {
  status(): WireStatus;
  /** Replaces the table; sent at once, or as soon as a wire is ready. */
  setTable(vips: readonly TableEntry[]): void;
  /**
   * To be called every 50 ms: hands on the permission, replaces a wire that hangs, starts one that
   * is missing.
   */
  tick(grant: Grant, now: Instant): void;
  /** Ends the wire, by force if it does not end in order; resolves once its process is gone. */
  close(): Promise<void>;
}

interface Running {
  readonly process: WireProcess;
  readonly liveness: Liveness;
  readonly exited: Promise<void>;
  /** It was killed: only its end is waited for. */
  killed: boolean;
  readyAt: Instant | undefined;
  tables: SentTables;
  suspectSince: Instant | null;
  counters: Readonly<Record<string, number>>;
}

/** What a wire ought to know: whichever process serves the link is told the same. */
interface Orders {
  table: readonly TableEntry[];
  version: number;
  grant: Grant;
  ping: number;
}

/**
 * Keeps one wire running on a link for as long as the link is up. The first process starts at once.
 */
export function superviseWire(options: WireOptions): WireSupervisor {
  const { link, clock, log } = options;
  const past = new Map<string, number>();
  const orders: Orders = { table: [], version: 1, grant: { until: null, provenAt: null }, ping: 0 };
  let restarts = 0;
  let closing = false;
  let restart: Restart = FIRST_START;
  let running: Running | undefined;

  const ended = (wire: Running, exit: WireExit) => {
    running = undefined;
    addAll(past, wire.counters);
    const now = clock.now();
    const servedMs = wire.readyAt === undefined ? 0 : now - wire.readyAt;
    restart = afterExit(restart, { servedMs, linkUp: isLinkUp(link) }, now);
    if (!closing) log.warn({ link, ...exit }, 'the wire has ended; it starts again with its link');
    options.onChange();
  };
  const tick = (grant: Grant, now: Instant) => {
    if (closing) return;
    orders.grant = grant;
    if (running === undefined) {
      if (now < restart.at || !isLinkUp(link)) return;
      restarts += 1;
      running = startWire(options, orders, ended);
      return;
    }
    if (running.killed) return;
    const patience = running.readyAt !== undefined ? ANSWER_PATIENCE_MS : START_PATIENCE_MS;
    if (isHung(running.liveness, patience, now)) {
      log.warn({ link, patience }, 'the wire does not answer; it is killed and replaced');
      running.killed = true;
      running.process.kill();
    } else if (running.readyAt !== undefined) {
      sendPermit(running, orders);
    }
  };
  if (isLinkUp(link)) running = startWire(options, orders, ended);
  return {
    status: () => statusOf(running, { version: orders.version, past, restarts }),
    setTable(vips) {
      orders.table = vips;
      orders.version += 1;
      if (running?.readyAt !== undefined) sendTable(running, orders);
    },
    tick,
    async close() {
      closing = true;
      if (running !== undefined) await endWire(running, clock);
    },
  };
}

function sendTable(wire: Running, { version, table }: Orders): void {
  const vips = table.map(({ vip }) => vip);
  wire.tables = sent(wire.tables, version, vips);
  wire.process.send({ kind: 'table', version, vips: table });
}

function sendPermit(wire: Running, orders: Orders): void {
  orders.ping += 1;
  wire.process.send({ kind: 'permit', ping: orders.ping, ...orders.grant });
}

async function endWire({ process, exited }: Running, clock: Clock): Promise<void> {
  process.disconnect();
  const inOrder = new AbortController();
  clock.sleep(CLOSE_PATIENCE_MS, inOrder.signal).then(() => process.kill());
  await exited;
  inOrder.abort();
}

function startWire(
  { link, entry, clock, onChange }: WireOptions,
  orders: Orders,
  onEnd: (wire: Running, exit: WireExit) => void,
): Running {
  const { promise: exited, resolve } = Promise.withResolvers<void>();
  const hear = (message: FromWire) => {
    answered(wire.liveness, clock.now());
    const changed = note(wire, message, clock.now());
    if (message.kind === 'ready') {
      // Both at once: a client that asks now must not wait for the next tick.
      sendTable(wire, orders);
      sendPermit(wire, orders);
    }
    if (changed) onChange();
  };
  const end = (exit: WireExit) => {
    onEnd(wire, exit);
    resolve();
  };
  const wire: Running = {
    process: new WireProcess({ link, entry }, hear, end),
    liveness: startCount(clock.now()),
    exited,
    killed: false,
    readyAt: undefined,
    tables: NOTHING_SENT,
    suspectSince: null,
    counters: {},
  };
  return wire;
}

/** Takes over what a wire tells; whether the agent has to look at it. */
function note(wire: Running, message: FromWire, now: Instant): boolean {
  switch (message.kind) {
    case 'ready':
      wire.readyAt = now;
      return true;
    case 'ack':
      wire.tables = acknowledged(wire.tables, message.version);
      return true;
    case 'pong': {
      const changed = wire.suspectSince !== message.suspectSince;
      wire.suspectSince = message.suspectSince;
      wire.counters = message.counters;
      return changed;
    }
    case 'failed':
      return false;
  }
}

function statusOf(
  running: Running | undefined,
  {
    version,
    past,
    restarts,
  }: { version: number; past: ReadonlyMap<string, number>; restarts: number },
): WireStatus {
  const counters = new Map(past);
  addAll(counters, running?.counters ?? {});
  const tables = running?.tables ?? NOTHING_SENT;
  return {
    state: running === undefined ? 'gone' : running.readyAt !== undefined ? 'ready' : 'starting',
    sentVersion: version,
    ackedVersion: tables.acked.version,
    mayAnswer: mayAnswer(tables),
    suspectSince: running?.suspectSince ?? null,
    counters,
    restarts,
  };
}

function addAll(sums: Map<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(more)) sums.set(key, (sums.get(key) ?? 0) + value);
}
