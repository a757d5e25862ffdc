/**
 * A proxy between agents and the API server that does what a bad network, an overloaded server or a
 * broken cache does. It ends TLS on both sides, with the lab's own certificate.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import { createInterface } from 'node:readline';
import { garbler, type LineFault } from './garble.ts';
import type { ProxyConfig, ProxyFault, ProxyFaultKind, ProxyLine } from './protocol.ts';

const LATE_MS = 5000;
const ERROR_SHARE = 0.3;
const ERRORS = [429, 500, 503];

let faults: readonly ProxyFault[] = [];
let touched: Record<string, number> = {};
const watches = new Set<Watch>();

interface Watch {
  readonly from: string;
  /** Looks again at what is in force. */
  refresh(): void;
}

function say(line: ProxyLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function inForce(kind: ProxyFaultKind, from: string): boolean {
  return faults.some((fault) => fault.kind === kind && (fault.of?.includes(from) ?? true));
}

function note(kind: ProxyFaultKind): void {
  touched[kind] = (touched[kind] ?? 0) + 1;
}

function serve(config: ProxyConfig): void {
  const ca = readFileSync(config.certificate);
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 256 });
  const server = createServer({ cert: ca, key: readFileSync(config.key) }, (asked, answer) => {
    const from = asked.socket.remoteAddress?.replace('::ffff:', '') ?? '';
    const isWatch = asked.url?.includes('watch=true') ?? false;
    asked.on('error', () => answer.destroy());
    answer.on('error', () => {});
    if (isWatch && inForce('expired-watches', from)) {
      note('expired-watches');
      return refuse(answer, 410, 'Expired');
    }
    const error = !isWatch && inForce('errors', from) && Math.random() < ERROR_SHARE;
    if (error) note('errors');
    if (error && Math.random() < 0.5) {
      asked.resume();
      return refuse(answer, ERRORS[Math.floor(Math.random() * ERRORS.length)] ?? 500, 'Storm');
    }
    const forwarded = request(
      {
        ...{ host: '127.0.0.1', port: config.upstream, agent, ca },
        ...{ method: asked.method, path: asked.url, headers: asked.headers },
      },
      (said) => {
        said.on('error', () => answer.destroy());
        if (error) {
          said.resume();
          refuse(answer, 503, 'Storm');
        } else if (isWatch && said.statusCode === 200) follow(from, said, answer);
        else reply(from, said, answer);
      },
    );
    forwarded.on('error', () => answer.destroy());
    answer.on('close', () => forwarded.destroy());
    asked.pipe(forwarded);
  });
  server.on('error', (error) => say({ kind: 'failed', reason: String(error) }));
  server.listen(config.port, config.address, () => say({ kind: 'ready' }));
}

function refuse(answer: ServerResponse, code: number, reason: string): void {
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason };
  answer.setHeader('content-type', 'application/json');
  if (code === 429) answer.setHeader('retry-after', 1);
  answer.writeHead(code).end(JSON.stringify({ ...status, message: `proxy: ${code}` }));
}

function reply(from: string, said: IncomingMessage, answer: ServerResponse): void {
  if (inForce('lost-answers', from)) {
    note('lost-answers');
    said.resume();
    answer.destroy();
    return;
  }
  const pass = () => {
    answer.writeHead(said.statusCode ?? 502, said.headers);
    said.pipe(answer);
  };
  if (inForce('late-answers', from)) {
    note('late-answers');
    setTimeout(pass, LATE_MS);
  } else pass();
}

/** Hands on a watch line by line, as the faults in force at that moment say. */
function follow(from: string, said: IncomingMessage, answer: ServerResponse): void {
  const headers = { ...said.headers };
  delete headers['content-length'];
  answer.writeHead(200, headers);
  answer.flushHeaders();
  const garble = garbler();
  let rest = '';
  let held: string[] = [];
  const fault = (): LineFault | undefined =>
    (['garbled-watches', 'bookmarks-only'] as const).find((kind) => inForce(kind, from));
  const watch: Watch = {
    from,
    refresh() {
      if (inForce('expired-watches', from)) {
        note('expired-watches');
        answer.end();
      } else if (!inForce('stalled-watches', from)) {
        const lines = held;
        held = [];
        for (const line of lines) pass(line);
      }
    },
  };
  const pass = (line: string) => {
    const kind = fault();
    const { lines, ends } = garble(line, kind);
    if (kind !== undefined && (lines.length !== 1 || lines[0] !== line)) note(kind);
    for (const each of lines) answer.write(`${each}\n`);
    if (ends) answer.end();
  };
  watches.add(watch);
  answer.on('close', () => watches.delete(watch));
  said.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!inForce('stalled-watches', from)) pass(line);
      else {
        note('stalled-watches');
        held.push(line);
      }
    }
  });
  said.on('end', () => {
    if (held.length === 0) answer.end();
  });
}

let started = false;
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  if (!started) {
    started = true;
    serve(JSON.parse(line));
    return;
  }
  say({ kind: 'set', touched });
  touched = {};
  faults = JSON.parse(line);
  for (const watch of watches) watch.refresh();
});
// The one who started it is gone.
lines.on('close', () => process.exit(0));
