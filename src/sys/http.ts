import { createServer, type ServerResponse } from 'node:http';

/** What is served, as functions that are asked at each request. */
export interface Served {
  /** Prometheus' text format. */
  metrics(): Promise<string>;
  /** Undefined if the process works, else why it should be started again. */
  unhealthy(): string | undefined;
  /** Undefined if it does its work, else what it waits for. */
  unready(): string | undefined;
}

export interface HttpServer {
  /** The port that it listens on: of use where 0, any free one, was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

/** Serves `/metrics`, `/healthz` and `/readyz`; rejects if the address cannot be bound. */
export async function serveHttp(
  served: Served,
  { address = '127.0.0.1', port }: { readonly address?: string; readonly port: number },
): Promise<HttpServer> {
  const server = createServer(async ({ url = '', method }, response) => {
    const path = url.split('?', 1)[0];
    if (method !== 'GET' && method !== 'HEAD') return answer(response, 405, 'only GET is served\n');
    try {
      if (path === '/metrics') return answer(response, 200, await served.metrics());
      if (path === '/healthz') return answerState(response, served.unhealthy());
      if (path === '/readyz') return answerState(response, served.unready());
      return answer(response, 404, 'here are /metrics, /healthz and /readyz\n');
    } catch (error) {
      return answer(response, 500, `${error instanceof Error ? error.message : String(error)}\n`);
    }
  });
  // Small and bounded: whoever asks slowly or too often must not cost the agent its time.
  server.requestTimeout = 5000;
  server.headersTimeout = 5000;
  server.maxConnections = 64;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error) => {
    const remedy = 'free it, or choose another with --metrics-address and --metrics-port';
    reject(
      new Error(`cannot serve metrics on ${address} port ${port} (${error.message}); ${remedy}`),
    );
  });
  server.listen(port, address, resolve);
  await promise;
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      return closed.promise;
    },
  };
}

function answerState(response: ServerResponse, problem: string | undefined): void {
  if (problem === undefined) answer(response, 200, 'ok\n');
  else answer(response, 503, `${problem}\n`);
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  response.end(body);
}
