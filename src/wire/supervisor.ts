import { type Instant, NEVER } from '../instant.ts';
import type { IncarnationId, LinkHearing, LinkName, Utterance, Vip } from '../model.ts';
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
import type { FromWire, Grant, Probe, Probed, TableEntry, WitnessSettings } from './messages.ts';
import { afterExit, FIRST_START, type Restart } from './restart.ts';
import { mayAnswer, sent } from './sent-tables.ts';
import { noFacts, note, type WireFacts } from './wire-facts.ts';
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
  /** A peer has said something on this link. */
  readonly onTold: (from: IncarnationId, utterance: Utterance, at: Instant) => void;
  readonly onProbed: (result: Omit<Probed, 'kind'> & { readonly link: LinkName }) => void;
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
  /** What the wire that runs now has heard on the witness; undefined: nothing yet. */
  readonly hearing: LinkHearing | undefined;
  /** The highest incarnation that a wire of this link answers for no more; 0: none. */
  readonly selfFenced: number;
  /** Since the supervisor began, over all processes. */
  readonly counters: ReadonlyMap<string, number>;
  readonly restarts: number;
}

/** The agent's side of one link's wire. */
export interface WireSupervisor {
  status(): WireStatus;
  /** Replaces the table; sent at once, or as soon as a wire is ready. */
  setTable(vips: readonly TableEntry[], waiting?: readonly Vip[]): void;
  /** Replaces the settings of the witness; sent at once, and to every wire that starts later. */
  setWitness(settings: WitnessSettings): void;
  /** Says this on the link at once; a wire that is not ready says nothing. */
  tell(utterance: Utterance): void;
  /** Asks the link for VIPs; `onProbed` tells the result. A wire that is not ready tells none. */
  probe(order: Omit<Probe, 'kind'>): void;
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
  readonly facts: WireFacts;
  readonly exited: Promise<void>;
  /** It was killed: only its end is waited for. */
  killed: boolean;
}

/** What a wire ought to know: whichever process serves the link is told the same. */
interface Orders {
  table: readonly TableEntry[];
  waiting: readonly Vip[];
  version: number;
  witness: WitnessSettings | undefined;
  grant: Grant;
  ping: number;
}

/**
 * Keeps one wire running on a link for as long as the link is up. The first process starts at once.
 */
export function superviseWire(options: WireOptions): WireSupervisor {
  const { link, clock, log } = options;
  const past = new Map<string, number>();
  const orders = noOrders();
  let selfFenced = 0;
  let restarts = 0;
  let closing = false;
  let restart: Restart = FIRST_START;
  let running: Running | undefined;

  const ended = (wire: Running, exit: WireExit) => {
    running = undefined;
    addAll(past, wire.facts.counters);
    selfFenced = wire.facts.selfFenced;
    const { readyAt } = wire.facts;
    const now = clock.now();
    const servedMs = readyAt === undefined ? 0 : now - readyAt;
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
      running = startWire(options, orders, { selfFenced, onEnd: ended });
      return;
    }
    if (running.killed) return;
    const patience = running.facts.readyAt !== undefined ? ANSWER_PATIENCE_MS : START_PATIENCE_MS;
    if (isHung(running.liveness, patience, now)) {
      log.warn({ link, patience }, 'the wire does not answer; it is killed and replaced');
      running.killed = true;
      running.process.kill();
    } else if (running.facts.readyAt !== undefined) {
      sendPermit(running, orders);
    }
  };
  if (isLinkUp(link)) running = startWire(options, orders, { selfFenced, onEnd: ended });
  return {
    status: () => statusOf(running, { version: orders.version, past, restarts, selfFenced }),
    setTable(vips, waiting = []) {
      orders.table = vips;
      orders.waiting = waiting;
      orders.version += 1;
      if (running?.facts.readyAt !== undefined) sendTable(running, orders);
    },
    setWitness(settings) {
      orders.witness = settings;
      if (running?.facts.readyAt !== undefined) sendWitness(running, orders);
    },
    tell(utterance) {
      if (running?.facts.readyAt !== undefined) running.process.send({ kind: 'tell', utterance });
    },
    probe(order) {
      if (running?.facts.readyAt !== undefined) running.process.send({ kind: 'probe', ...order });
    },
    tick,
    async close() {
      closing = true;
      if (running !== undefined) await endWire(running, clock);
    },
  };
}

function noOrders(): Orders {
  const grant: Grant = {
    until: null,
    provenAt: null,
    sentAt: NEVER,
    incarnation: 0,
    held: false,
    beat: null,
    ask: [],
  };
  return { table: [], waiting: [], version: 1, witness: undefined, grant, ping: 0 };
}

function sendTable({ facts, process }: Running, { version, table, waiting }: Orders): void {
  const vips = table.map(({ vip }) => vip);
  facts.tables = sent(facts.tables, version, vips);
  process.send({ kind: 'table', version, vips: table, waiting });
}

function sendWitness({ facts, process }: Running, { witness }: Orders): void {
  if (witness === undefined) return;
  process.send({ kind: 'witness', ...witness, fenced: facts.selfFenced });
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
  { link, entry, clock, onChange, onTold, onProbed }: WireOptions,
  orders: Orders,
  past: { selfFenced: number; onEnd: (wire: Running, exit: WireExit) => void },
): Running {
  const { promise: exited, resolve } = Promise.withResolvers<void>();
  const hear = (message: FromWire) => {
    answered(wire.liveness, clock.now());
    const changed = note(wire.facts, message, clock.now());
    if (message.kind === 'ready') {
      // All at once: a client that asks now must not wait for the next tick.
      sendWitness(wire, orders);
      sendTable(wire, orders);
      sendPermit(wire, orders);
    }
    if (message.kind === 'told') onTold(message.from, message.utterance, message.at);
    if (message.kind === 'probed') onProbed({ ...message, link });
    if (changed) onChange();
  };
  const end = (exit: WireExit) => {
    past.onEnd(wire, exit);
    resolve();
  };
  const wire: Running = {
    process: new WireProcess({ link, entry }, hear, end),
    liveness: startCount(clock.now()),
    facts: noFacts(past.selfFenced),
    exited,
    killed: false,
  };
  return wire;
}

function statusOf(
  running: Running | undefined,
  past: {
    version: number;
    past: ReadonlyMap<string, number>;
    restarts: number;
    selfFenced: number;
  },
): WireStatus {
  const facts = running?.facts ?? noFacts(past.selfFenced);
  const counters = new Map(past.past);
  addAll(counters, facts.counters);
  return {
    state: running === undefined ? 'gone' : facts.readyAt !== undefined ? 'ready' : 'starting',
    sentVersion: past.version,
    ackedVersion: facts.tables.acked.version,
    mayAnswer: mayAnswer(facts.tables),
    suspectSince: facts.suspectSince,
    hearing: facts.hearing,
    selfFenced: facts.selfFenced,
    counters,
    restarts: past.restarts,
  };
}

function addAll(sums: Map<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(more)) sums.set(key, (sums.get(key) ?? 0) + value);
}
