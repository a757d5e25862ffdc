import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../sys/clock.ts';
import type { Log } from '../sys/log.ts';
import { type ApiAnswer, type ApiFailure, failureOfError, failureOfStatus } from './answer.ts';
import { type CredentialSource, type Credentials, openCredentials } from './credentials.ts';
import { type StreamItem, streamLines } from './stream.ts';

export interface KubeApiOptions {
  /** Undefined: the ServiceAccount of the pod that we run in. */
  readonly kubeconfig: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** Leases have connections of their own, so that nothing big ever delays a renewal. */
export type Lane = 'lease' | 'general';

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  /** From the call to the last byte of the answer; default 15 s. */
  readonly timeoutMs?: number;
  readonly lane?: Lane;
  readonly signal?: AbortSignal;
}

export type Query = Readonly<Record<string, string | number | undefined>>;

export interface StreamRequest {
  readonly path: string;
  readonly query?: Query;
  readonly lane?: Lane;
  /** The stream ends when no byte arrives for so long. */
  readonly inactivityMs: number;
  readonly signal: AbortSignal;
}

export type StreamAnswer =
  | { readonly ok: true; readonly items: AsyncIterable<StreamItem> }
  | ApiFailure;

/**
 * The API server; `request` and `stream` never reject for anything that the network or the server
 * does.
 */
export interface KubeApi {
  request(request: ApiRequest): Promise<ApiAnswer>;
  /** Follows an answer that goes on for ever (a watch), line by line. */
  stream(request: StreamRequest): Promise<StreamAnswer>;
  /** URL of the server, for messages. */
  readonly server: string;
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 15_000;
/**
 * A connection attempt that got no answer is better begun anew: the kernel's own retries space out.
 */
const CONNECT_TIMEOUT_MS: Readonly<Record<Lane, number>> = { lease: 1_500, general: 5_000 };
const CONNECTIONS: Readonly<Record<Lane, number>> = { lease: 8, general: 32 };

/** Connects to nothing yet; rejects with one sentence if there are no usable credentials. */
export async function openKubeApi(options: KubeApiOptions): Promise<KubeApi> {
  const credentials = await openCredentials(options);
  const lanes = openLanes(credentials);

  async function attempt(request: ApiRequest): Promise<ApiAnswer> {
    const signals = deadline(request.timeoutMs ?? DEFAULT_TIMEOUT_MS, request.signal);
    try {
      const sent = lanes.dispatch(request.lane ?? 'general', {
        method: request.method ?? 'GET',
        path: pathOf(request.path, request.query),
        headers: contentHeaders(request),
        signal: signals.any,
        ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
      });
      const answer = await unlessAborted(sent, signals.any);
      const text = await answer.body.text();
      if (answer.statusCode < 300) {
        return {
          ok: true,
          status: answer.statusCode,
          body: text === '' ? undefined : JSON.parse(text),
        };
      }
      return failureOfStatus(answer.statusCode, text, headerOf(answer, 'retry-after'));
    } catch (error) {
      return failureOfError(error, signals.ended());
    }
  }

  return {
    server: credentials.current().origin,
    async request(request) {
      const answer = await attempt(request);
      if (answer.ok || answer.kind !== 'unauthorized') return answer;
      await credentials.renew();
      return attempt(request);
    },
    async stream(request) {
      try {
        const sent = lanes.dispatch(request.lane ?? 'general', {
          method: 'GET',
          path: pathOf(request.path, request.query),
          headers: { accept: 'application/json' },
          signal: request.signal,
          bodyTimeout: request.inactivityMs,
        });
        const answer = await unlessAborted(sent, request.signal);
        if (answer.statusCode < 300)
          return { ok: true, items: streamLines(answer.body, request.signal) };
        const text = await answer.body.text();
        if (answer.statusCode === 401) await credentials.renew();
        return failureOfStatus(answer.statusCode, text, headerOf(answer, 'retry-after'));
      } catch (error) {
        return failureOfError(error, request.signal.aborted ? 'aborted' : undefined);
      }
    },
    close: () => lanes.close(),
  };
}

interface Lanes {
  dispatch(lane: Lane, options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData>;
  close(): Promise<void>;
}

/**
 * The connections, made anew when the TLS material changes: a connection keeps what it was opened
 * with.
 */
function openLanes(source: CredentialSource): Lanes {
  let used = source.current();
  let agents = openAgents(used);
  return {
    dispatch(lane, options) {
      source.refreshIfOld();
      const now = source.current();
      if (!sameConnection(now, used)) {
        const old = agents;
        agents = openAgents(now);
        // Running requests end by themselves; a watch moves over when its time is up.
        for (const agent of Object.values(old)) void agent.close();
      }
      used = now;
      return agents[lane].request({
        ...options,
        origin: now.origin,
        path: `${now.basePath}${options.path}`,
        headers: { ...now.headers, ...(options.headers as Record<string, string>) },
      });
    },
    async close() {
      await Promise.all(Object.values(agents).map((agent) => agent.destroy()));
    },
  };
}

function openAgents({ tls }: Credentials): Readonly<Record<Lane, Agent>> {
  const open = (lane: Lane) =>
    new Agent({
      // One HTTP/2 connection would carry watches and renewals alike, and its stalls would be
      // shared.
      allowH2: false,
      pipelining: 1,
      connections: CONNECTIONS[lane],
      keepAliveTimeout: 30_000,
      headersTimeout: DEFAULT_TIMEOUT_MS,
      bodyTimeout: DEFAULT_TIMEOUT_MS,
      connect: {
        ...tls,
        timeout: CONNECT_TIMEOUT_MS[lane],
        keepAlive: true,
        keepAliveInitialDelay: 15_000,
      },
    });
  return { lease: open('lease'), general: open('general') };
}

function sameConnection(a: Credentials, b: Credentials): boolean {
  return a === b || (a.origin === b.origin && JSON.stringify(a.tls) === JSON.stringify(b.tls));
}

function contentHeaders(request: ApiRequest): Record<string, string> {
  const accept = { accept: 'application/json' };
  if (request.body === undefined) return accept;
  return { ...accept, 'content-type': request.contentType ?? 'application/json' };
}

function pathOf(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  return search.size === 0 ? path : `${path}?${search}`;
}

function deadline(timeoutMs: number, signal: AbortSignal | undefined) {
  const timeout = AbortSignal.timeout(timeoutMs);
  return {
    any: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    ended(): 'timeout' | 'aborted' | undefined {
      if (signal?.aborted) return 'aborted';
      return timeout.aborted ? 'timeout' : undefined;
    },
  };
}

/**
 * The client itself looks at a signal only once it has a connection; what was given up is never
 * sent then.
 */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function headerOf(answer: Dispatcher.ResponseData, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
