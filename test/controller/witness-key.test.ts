import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, test } from 'node:test';
import { pino } from 'pino';
import {
  ensureWitnessKey,
  keepWitnessKey,
  type SecretData,
} from '../../src/controller/witness-key.ts';
import { openKubeApi } from '../../src/kube/api.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { scriptedServer } from '../kube/scripted-server.ts';
import { until } from '../lab/until.ts';

const clock = systemClock();
const namespace = 'leasehold-system';
const closing: (() => Promise<void> | void)[] = [];
const KEY = new Uint8Array(32).fill(7);

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Answer = readonly [status: number, body?: object];

/** A server with the answers to GET and to POST, and what a look at it gives. */
async function look(get: Answer, post: Answer = [500], known?: SecretData) {
  const posts: Record<string, unknown>[] = [];
  const paths = new Set<string>();
  const respond = async (url: URL, response: ServerResponse, request: IncomingMessage) => {
    paths.add(`${request.method} ${url.pathname}`);
    const [status, body = {}] = request.method === 'POST' ? post : get;
    if (request.method === 'POST') posts.push(JSON.parse(await text(request)));
    response.writeHead(status).end(JSON.stringify(body));
  };
  const server = await scriptedServer((...call) => void respond(...call));
  const log = pino({ level: 'silent' });
  const api = await openKubeApi({ kubeconfig: server.kubeconfig, clock, log });
  closing.push(
    () => server.close(),
    () => api.close(),
  );
  const options = { api, namespace, newKey: () => KEY, signal: AbortSignal.timeout(5_000) };
  return { posts, paths, options, state: await ensureWitnessKey(options, known) };
}

function secret(data: Record<string, string>): object {
  return { metadata: { name: 'leasehold-witness', uid: 'u', resourceVersion: '1' }, data };
}

const base64 = (bytes: number) => Buffer.alloc(bytes, 1).toString('base64');

test('a missing Secret is created with 32 fresh bytes', async () => {
  const { state, posts, paths } = await look([404], [201]);
  assert.equal(state.kind, 'created');
  assert.deepEqual(
    [...paths],
    [
      `GET /api/v1/namespaces/${namespace}/secrets/leasehold-witness`,
      `POST /api/v1/namespaces/${namespace}/secrets`,
    ],
  );
  assert.deepEqual(posts[0]?.['data'], { key: Buffer.from(KEY).toString('base64') });
});

test('a Secret that was deleted comes back as it was, so that no node is misunderstood', async () => {
  const data = { key: base64(32), previous: base64(40) };
  const before = await look([200, secret(data)]);
  assert.ok(before.state.kind === 'usable');
  const { state, posts } = await look([404], [201], before.state.data);
  assert.equal(state.kind, 'created');
  assert.deepEqual(posts[0]?.['data'], data);
});

for (const data of [{ key: base64(32) }, { key: base64(64), previous: base64(32) }]) {
  test(`a Secret with ${Object.keys(data).join(' and ')} is left as it is`, async () => {
    const { state, posts } = await look([200, secret(data)]);
    assert.deepEqual([state.kind, posts.length], ['usable', 0]);
  });
}

for (const { what, data, reason } of [
  { what: 'no key', data: { other: base64(32) }, reason: /has no "key": give it 32 random/ },
  { what: 'a short key', data: { key: base64(31) }, reason: /has a "key" of 31 bytes/ },
  { what: 'a key that is no base64', data: { key: 'x' }, reason: /data.key is not base64/ },
]) {
  test(`a Secret with ${what} is not overwritten, but told`, async () => {
    const { state, posts } = await look([200, secret(data)]);
    assert.equal(posts.length, 0);
    assert.match(state.kind === 'unusable' ? state.reason : '', reason);
  });
}

test('when somebody creates it in between, theirs stays', async () => {
  const { state, posts } = await look([404], [409]);
  assert.deepEqual([state.kind, posts.length], ['usable', 1]);
});

test('where it cannot be read nothing is created', async () => {
  for (const status of [403, 500]) {
    const { state, posts } = await look([status]);
    assert.deepEqual([state.kind, posts.length], ['failed', 0]);
  }
});

test('a missing role is logged once, with the remedy and never with the key', async () => {
  const { options } = await look([404], [403, { message: 'secrets is forbidden' }]);
  const lines: string[] = [];
  const log = pino({}, { write: (line) => void lines.push(line) });
  const abort = new AbortController();
  // Its pauses as short as possible: several looks within the test.
  const hasty = { ...clock, sleep: (_: number, signal?: AbortSignal) => clock.sleep(5, signal) };
  const kept = keepWitnessKey({ ...options, clock: hasty, log, signal: abort.signal });
  await until('it is told', () => lines.length > 0, {});
  await clock.sleep(100);
  abort.abort();
  await kept;
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /secrets is forbidden; apply deploy\/rbac\.yaml/);
  assert.equal(lines.join().includes(Buffer.from(KEY).toString('base64')), false);
});
