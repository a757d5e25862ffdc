import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import type { ProbeResult } from '../../src/election/probing.ts';
import type { Instant } from '../../src/instant.ts';
import type { BeatContent, IncarnationId, Neighbour, Utterance, Vip } from '../../src/model.ts';
import type { TableEntry, WitnessSettings } from '../../src/wire/messages.ts';
import type { WireStatus } from '../../src/wire/supervisor.ts';

export interface StubCommand {
  readonly vips?: readonly TableEntry[];
  readonly waiting?: readonly Vip[];
  /** `silent`: its ticks stop, as if the agent were stalled. */
  readonly authority?: 'held' | 'lapsed' | 'silent';
  /** Pretend that a heartbeat sent now was seen back. */
  readonly prove?: true;
  readonly held?: boolean;
  readonly incarnation?: number;
  readonly witness?: WitnessSettings;
  readonly beat?: BeatContent;
  readonly neighbours?: readonly Neighbour[];
  readonly tell?: Utterance;
  readonly probe?: { readonly token: number; readonly vips: readonly Vip[] };
  readonly close?: true;
}

/** `at` in ms on a clock that all processes share. */
export interface ToldNote {
  readonly from: IncarnationId;
  readonly utterance: Utterance;
  readonly at: number;
}

export interface StubStatus extends Omit<WireStatus, 'mayAnswer' | 'counters'> {
  readonly mayAnswer: readonly string[];
  readonly counters: Readonly<Record<string, number>>;
  /** Since the last command. */
  readonly told: readonly ToldNote[];
  /** Since the last command. */
  readonly probed: readonly ProbeResult[];
  /** When the utterance of this command was handed to the wire. */
  readonly toldAt: number;
  /** How late each silence was told, in ms. */
  readonly silences: readonly number[];
  readonly now: Instant;
}

export interface ProbeCommand {
  readonly ask?: {
    readonly vip: string;
    readonly count: number;
    readonly everyMs: number;
    readonly to?: string;
    readonly from?: string;
  };
  readonly raw?: string;
  /** How often `raw` is sent, ten thousand times a second. */
  readonly times?: number;
}

export interface SeenFrame {
  readonly at: number;
  readonly hex: string;
}

export interface Seen {
  readonly seen: readonly SeenFrame[];
  readonly sentAt: readonly number[];
}

/** A stub of an agent, with its wire. */
export interface Station {
  readonly stub: ChildProcess;
  command(command: StubCommand): Promise<StubStatus>;
  /** Process ids of the wires that run now. */
  wirePids(): number[];
  /** Polls until the wire's status satisfies the condition; returns it, and the ms that it took. */
  until(condition: (status: StubStatus) => boolean): Promise<{ status: StubStatus; ms: number }>;
}

/**
 * A segment of two stations in namespaces of their own: `a` runs a wire under a stub of an agent,
 * `b` asks.
 */
export interface WireLab extends Station, AsyncDisposable {
  /** Starts a second wire under a stub, in `b`. */
  startPeer(): Station;
  probe(command: ProbeCommand): Promise<Seen>;
  /** Runs a command in the namespace of the wire and returns what it prints. */
  inA(...words: string[]): string;
  inB(...words: string[]): string;
  /** Makes the pair of links again after it was deleted. */
  addLink(): void;
}

let count = 0;

/** Reason why namespaces cannot be made here, or undefined. */
export function missingPrivilege(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, to make network namespaces';
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'needs the command `ip` of iproute2';
  }
}

export async function openWireLab(): Promise<WireLab> {
  count += 1;
  const a = `lhw${process.pid}a${count}`;
  const b = `lhw${process.pid}b${count}`;
  const ip = (...words: string[]) => execFileSync('ip', words, { encoding: 'utf8' });
  const inside =
    (ns: string) =>
    (...words: string[]) =>
      ip('netns', 'exec', ns, ...words);
  for (const ns of [a, b]) ip('netns', 'add', ns);
  addLink({ a, b });
  const own = openStation(a);
  const prober = startIn(b, 'prober.ts', ['seg0']);
  const children = [own.stub, prober];
  return {
    ...own,
    startPeer() {
      const peer = openStation(b);
      children.push(peer.stub);
      return peer;
    },
    probe: (message) => ask<Seen>(prober, message),
    inA: inside(a),
    inB: inside(b),
    addLink: () => addLink({ a, b }),
    async [Symbol.asyncDispose]() {
      await Promise.all(children.map(end));
      for (const ns of [a, b]) ip('netns', 'del', ns);
    },
  };
}

function openStation(ns: string): Station {
  const entry = fileURLToPath(new URL('wire-entry.ts', import.meta.url));
  const stub = startIn(ns, 'agent-stub.ts', ['seg0', entry]);
  const command = (message: StubCommand) => ask<StubStatus>(stub, message);
  return {
    stub,
    command,
    wirePids: () =>
      readFileSync(`/proc/${stub.pid}/task/${stub.pid}/children`, 'utf8')
        .split(' ')
        .filter((pid) => pid !== '')
        .map(Number)
        .filter(isRunning),
    async until(condition) {
      const start = performance.now();
      for (;;) {
        const status = await command({});
        const ms = performance.now() - start;
        if (condition(status)) return { status, ms };
        if (ms > 10_000) throw new Error(`still not so after 10 s: ${inspect(status)}`);
        await pause(10);
      }
    },
  };
}

/** A veth pair between the two namespaces, named alike on both ends, and up. */
function addLink({ a, b }: { a: string; b: string }): void {
  const ip = (...words: string[]) => execFileSync('ip', words);
  ip('link', 'add', 'seg0', 'netns', a, 'type', 'veth', 'peer', 'name', 'seg0', 'netns', b);
  ip('-n', a, 'link', 'set', 'seg0', 'address', '02:00:00:00:00:0a', 'up');
  ip('-n', b, 'link', 'set', 'seg0', 'address', '02:00:00:00:00:0b', 'up');
  ip('-n', a, 'addr', 'add', '192.0.2.1/24', 'dev', 'seg0');
  ip('-n', b, 'addr', 'add', '192.0.2.2/24', 'dev', 'seg0');
}

/** Whether the process exists and is more than a zombie that nobody has reaped. */
export function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function startIn(ns: string, script: string, args: string[]): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return spawn('ip', ['netns', 'exec', ns, process.execPath, path, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
}

async function ask<Answer>(
  child: ChildProcess,
  message: StubCommand | ProbeCommand,
): Promise<Answer> {
  const answer = once(child, 'message');
  child.send(message);
  const [value]: Answer[] = await answer;
  if (value === undefined) throw new Error('the helper process answered nothing');
  return value;
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await exited;
}
