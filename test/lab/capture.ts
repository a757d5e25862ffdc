import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { promisify } from 'node:util';
import { type CookedFrame, type PcapRecord, parseCooked, pcapReader } from './pcap.ts';

/** A frame that came into the switch by one of its ports: each frame of the segment counts once. */
export interface CapturedFrame extends CookedFrame {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Name of the port in the switch's namespace. */
  readonly port: string;
  /** The host plugged into that port. */
  readonly host: string;
}

/** Whether the capture saw everything; `complete` is what a verdict may be built on. */
export interface CaptureHealth {
  readonly complete: boolean;
  /** Frames that matched the filter but were lost before tcpdump read them. */
  readonly dropped: number;
  /** Why it is not complete, for people. */
  readonly complaints: readonly string[];
}

export interface CaptureOptions {
  readonly netns: string;
  /** Port name -> host; may grow while the capture runs. */
  readonly ports: ReadonlyMap<string, string>;
  /** tcpdump filter; only frames coming in are taken in any case. */
  readonly filter: string;
  /** Keeps the raw stream, for `printPcap`. */
  readonly file?: string | undefined;
  /** How much of each frame is kept; 256 bytes if not given. */
  readonly snapshotBytes?: number | undefined;
}

export interface Capture {
  /** The frames so far; ports are resolved at the time of the call. */
  frames(): CapturedFrame[];
  /** Waits until all that was on the wire by now is read, then ends. Idempotent. */
  stop(): Promise<CaptureHealth>;
}

/** ARP, and neighbour solicitations and advertisements. */
export const NEIGHBOUR_FILTER = 'arp or (icmp6 and (ip6[40] == 135 or ip6[40] == 136))';

/** An ARP packet takes 28 bytes, an NDP message with its options rarely over 100. */
const SNAPSHOT_BYTES = 256;
const KERNEL_BUFFER_KIB = 16_384;
const DRAIN_MS = 500;
/** About 100 MB; beyond it a capture certifies nothing. */
const MAX_FRAMES = 1_000_000;

const run = promisify(execFile);

/**
 * Captures on every port of a switch at once, through links that go down, vanish and come back.
 * Rejects if tcpdump cannot start, with its own words.
 */
export async function startCapture(options: CaptureOptions): Promise<Capture> {
  const { netns } = options;
  const links = await watchLinkNames(netns);
  const filter = `inbound and (${options.filter})`;
  const child = inNamespace(netns, [
    ...['tcpdump', '-i', 'any', '-y', 'LINUX_SLL2', '-Z', 'root', '-n', '-U', '-w', '-'],
    ...[
      '--immediate-mode',
      '--time-stamp-precision=nano',
      '-s',
      String(options.snapshotBytes ?? SNAPSHOT_BYTES),
    ],
    ...['-B', String(KERNEL_BUFFER_KIB), filter],
  ]);
  const words = collectText(child.stderr);
  const records: PcapRecord[] = [];
  const file = options.file === undefined ? undefined : createWriteStream(options.file);
  const read = pcapReader();
  let broken: string | undefined;
  child.stdout?.on('data', (chunk: Buffer) => {
    file?.write(chunk);
    try {
      for (const record of read(chunk)) {
        if (records.length < MAX_FRAMES) records.push(record);
        else broken ??= `more than ${MAX_FRAMES} frames; judge a shorter time`;
      }
    } catch (error) {
      broken ??= String(error);
    }
  });
  const ended = once(child, 'close');
  await until(() => words().includes('listening on') || child.exitCode !== null);
  if (child.exitCode !== null) {
    links.close();
    await ended;
    throw new Error(`tcpdump in ${netns} ended: ${words().trim()}`);
  }
  const stop = async (): Promise<CaptureHealth> => {
    const now = Date.now();
    const isRead = () => (records.at(-1)?.at ?? 0) > now;
    const diedEarly = child.exitCode !== null || child.signalCode !== null;
    await until(() => isRead() || child.exitCode !== null, DRAIN_MS);
    const drained = isRead();
    if (!diedEarly) child.kill('SIGINT');
    await ended;
    // If the namespace is gone, a name that is missing shows below.
    await links.refresh().catch(() => {});
    links.close();
    if (records.some(({ bytes }) => !links.names.has(parseCooked(bytes)?.ifindex ?? 0))) {
      broken ??= 'frames came in by a port that vanished before its name was known';
    }
    file?.end();
    if (file !== undefined) await once(file, 'finish');
    const early = diedEarly ? ['tcpdump ended before it was told to'] : [];
    return health({ words: words(), drained, broken: [...early, ...(broken ? [broken] : [])] });
  };
  let stopped: Promise<CaptureHealth> | undefined;
  return {
    frames: () => records.flatMap((record) => resolve(record, links.names, options.ports)),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** The lines that tcpdump prints for a kept capture, with wall-clock times and hardware addresses. */
export async function printPcap(file: string, filter: string): Promise<string[]> {
  const { stdout } = await run('tcpdump', ['-e', '-n', '-r', file, filter]);
  return stdout.split('\n').filter((line) => line !== '');
}

/** The verdict on the capture itself, from tcpdump's closing lines. */
export function health(end: {
  words: string;
  drained: boolean;
  broken: readonly string[];
}): CaptureHealth {
  const count = (label: RegExp) => Number(label.exec(end.words)?.[1] ?? Number.NaN);
  const captured = count(/(\d+) packets? captured/);
  const received = count(/(\d+) packets? received by filter/);
  const dropped = count(/(\d+) packets? dropped by kernel/);
  const complaints = [...end.broken];
  if (Number.isNaN(dropped)) complaints.push(`tcpdump gave no count of drops: ${end.words.trim()}`);
  else if (dropped > 0) complaints.push(`the kernel dropped ${dropped} frames of the capture`);
  // A frame younger than the call of stop() proves that all older ones were read; else the counts must agree.
  if (!end.drained && received !== captured) {
    complaints.push(`${received} frames passed the filter, ${captured} were read`);
  }
  return { complete: complaints.length === 0, dropped: dropped || 0, complaints };
}

function resolve(
  record: PcapRecord,
  names: ReadonlyMap<number, string>,
  ports: ReadonlyMap<string, string>,
): CapturedFrame[] {
  const frame = parseCooked(record.bytes);
  if (frame === undefined || frame.delivery === 'sent') return [];
  const port = names.get(frame.ifindex);
  const host = port === undefined ? undefined : ports.get(port);
  if (port === undefined || host === undefined) return [];
  return [{ ...frame, at: record.at, port, host }];
}

/** Names by interface index, kept current: a port that vanishes keeps the name it had. */
async function watchLinkNames(netns: string): Promise<{
  names: ReadonlyMap<number, string>;
  refresh(): Promise<void>;
  close(): void;
}> {
  const names = new Map<number, string>();
  const note = (line: string) => {
    const match = /^(?:Deleted )?(\d+): ([^:@\s]+)/.exec(line);
    if (match?.[2] !== undefined) names.set(Number(match[1]), match[2]);
  };
  const monitor = inNamespace(netns, ['ip', '-o', 'monitor', 'link']);
  let rest = '';
  monitor.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) note(line);
  });
  const refresh = async () => {
    const { stdout } = await run('ip', ['-n', netns, '-o', 'link']);
    for (const line of stdout.split('\n')) note(line);
  };
  await refresh();
  return { names, refresh, close: () => monitor.kill('SIGKILL') };
}

/** A program inside a namespace that does not outlive this process, however this ends. */
export function inNamespace(netns: string, command: readonly string[]): ChildProcess {
  const args = ['netns', 'exec', netns, 'setpriv', '--pdeathsig', 'KILL', ...command];
  return spawn('ip', args, { stdio: ['pipe', 'pipe', 'pipe'] });
}

/** The last 10,000 characters of a stream, as text that grows. */
export function collectText(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(-10_000);
  });
  return () => text;
}

/** Looks every 5 ms whether it is done; gives up silently after `limitMs`. */
async function until(done: () => boolean, limitMs = 10_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!done() && performance.now() < end) await new Promise((wake) => setTimeout(wake, 5));
}
