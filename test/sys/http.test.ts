import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveHttp } from '../../src/sys/http.ts';

const WELL = {
  metrics: async () => 'up 1\n',
  unhealthy: () => undefined,
  unready: () => 'the stores are being filled',
};

async function get(port: number, path: string): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { connection: 'close' },
  });
  return [response.status, await response.text()];
}

test('serveHttp() answers metrics and both health questions on loopback', async () => {
  const server = await serveHttp(WELL, { port: 0 });
  assert.deepEqual(await get(server.port, '/metrics'), [200, 'up 1\n']);
  assert.deepEqual(await get(server.port, '/healthz?verbose'), [200, 'ok\n']);
  assert.deepEqual(await get(server.port, '/readyz'), [503, 'the stores are being filled\n']);
  assert.equal((await get(server.port, '/'))[0], 404);
  await server.close();
});

test('serveHttp() says which address could not be bound', async (t) => {
  const first = await serveHttp(WELL, { port: 0 });
  t.after(() => first.close());
  await assert.rejects(serveHttp(WELL, { port: first.port }), {
    message: new RegExp(`cannot serve metrics on 127.0.0.1 port ${first.port} .*EADDRINUSE`),
  });
});

test('a failing collector is an answer of 500, not the end of the process', async () => {
  const metrics = () => Promise.reject(new Error('no figures'));
  const server = await serveHttp({ ...WELL, metrics }, { port: 0 });
  assert.deepEqual(await get(server.port, '/metrics'), [500, 'no figures\n']);
  await server.close();
});
