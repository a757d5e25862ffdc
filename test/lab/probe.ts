import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { collectText, inNamespace } from './capture.ts';
import type {
  ProbeAnswer,
  ProbeConfig,
  ProbeKind,
  ProberLine,
  ProbeSender,
  ProbeSummary,
} from './prober/protocol.ts';

export interface ProbeOptions {
  readonly kind: ProbeKind;
  /** Who asks: a `Client` of the lab fits as it is. */
  readonly from: { readonly netns: string; readonly link: string };
  /** One address, or several that are asked in turn, each `intervalMs` the next. */
  readonly target: string | readonly string[];
  readonly port?: number | undefined;
  /** 10 by default; 100 for `http`. */
  readonly intervalMs?: number | undefined;
  readonly sourcePorts?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly graceMs?: number | undefined;
  readonly sender?: ProbeSender | undefined;
  /** Called with every answer as it comes. */
  readonly onAnswer?: ((answer: ProbeAnswer) => void) | undefined;
}

export interface Probe {
  readonly pid: number;
  /** Asks no more, waits for late answers and tells what came of it. Rejects if the probe died. Idempotent. */
  stop(): Promise<ProbeSummary>;
}

/** The backends of the lab listen there. */
const DEFAULT_PORT = 8080;
const HTTP_TIMEOUT_MS = 1000;
const GRACE_MS = 500;

/** Starts to ask addresses from inside a client's namespace; resolves once the first question is sent. */
export async function startProbe(options: ProbeOptions): Promise<Probe> {
  const program = fileURLToPath(new URL('prober/main.ts', import.meta.url));
  const child = inNamespace(options.from.netns, [process.execPath, program]);
  const { pid, stdout, stdin } = child;
  if (pid === undefined || stdout === null || stdin === null) {
    throw new Error(`cannot start a probe in ${options.from.netns}; is iproute2 installed?`);
  }
  const words = collectText(child.stderr);
  const closed = once(child, 'close');
  const ready = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<ProbeSummary>();
  // Whoever stops the probe hears of it; nobody has to listen before.
  ended.promise.catch(() => {});
  const fail = (reason: string) => {
    const error = new Error(`${options.kind} probe in ${options.from.netns}: ${reason}`);
    ready.reject(error);
    ended.reject(error);
  };
  createInterface({ input: stdout }).on('line', (text) => {
    const line: ProberLine = JSON.parse(text);
    if (line.kind === 'ready') ready.resolve();
    else if (line.kind === 'answer') options.onAnswer?.(line.answer);
    else if (line.kind === 'summary') ended.resolve(line.summary);
    else fail(line.reason);
  });
  stdin.on('error', () => {});
  void closed.then(() => fail(`ended by itself. ${words().trim()}`));
  stdin.write(`${JSON.stringify(configOf(options))}\n`);
  await ready.promise;
  let stopping = false;
  return {
    pid,
    stop: async () => {
      if (!stopping) stdin.write('stop\n');
      stopping = true;
      const summary = await ended.promise;
      await closed;
      return summary;
    },
  };
}

function configOf(options: ProbeOptions): ProbeConfig {
  const isHttp = options.kind === 'http';
  return {
    kind: options.kind,
    link: options.from.link,
    targets: typeof options.target === 'string' ? [options.target] : options.target,
    port: options.port ?? DEFAULT_PORT,
    intervalMs: options.intervalMs ?? (isHttp ? 100 : 10),
    sourcePorts: options.sourcePorts ?? 1,
    timeoutMs: options.timeoutMs ?? HTTP_TIMEOUT_MS,
    graceMs: options.graceMs ?? (isHttp ? HTTP_TIMEOUT_MS + GRACE_MS : GRACE_MS),
    sender: options.sender,
    live: options.onAnswer === undefined ? 'quiet' : 'live',
  };
}
