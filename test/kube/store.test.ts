import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { pino } from 'pino';
import { openKubeApi } from '../../src/kube/api.ts';
import { services } from '../../src/kube/resources.ts';
import { type Store, watchStore } from '../../src/kube/store.ts';
import type { Service } from '../../src/model.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { until } from '../lab/until.ts';
import { event, type Handler, listOf, rawService, scriptedServer } from './scripted-server.ts';

const clock = systemClock();
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function follow(handle: Handler, lines: string[] = []) {
  const log = pino({ level: 'debug' }, { write: (line) => void lines.push(line) });
  const server = await scriptedServer(handle);
  closing.push(() => server.close());
  const api = await openKubeApi({ kubeconfig: server.kubeconfig, clock, log });
  const store: Store<Service> = watchStore({
    api,
    resource: services,
    clock,
    log,
    onChange() {},
    backoff: { firstMs: 10, maxMs: 50 },
  });
  closing.push(
    () => api.close(),
    () => store.close(),
  );
  return { server, store, names: () => [...store.snapshot().items.keys()] };
}

const isWatch = (url: URL) => url.searchParams.has('watch');

test('an expired continue token starts the list again, and no half list shows', async () => {
  let expired = 0;
  const { store, names } = await follow((url, response) => {
    if (isWatch(url)) return void response.writeHead(200).flushHeaders();
    if (!url.searchParams.has('continue')) {
      return void response.end(listOf([rawService('a', 1)], 10, 'next'));
    }
    if (expired++ === 0) return void response.writeHead(410).end('{"reason":"Expired"}');
    response.end(listOf([rawService('b', 2)], 10));
  });
  await until('in step', () => store.snapshot().synced);
  assert.deepEqual(names(), ['default/a', 'default/b']);
  assert.equal(expired, 2);
});

test('an ERROR event leads to a list without a resourceVersion', async () => {
  let watches = 0;
  const { server, store } = await follow((url, response) => {
    if (!isWatch(url)) return void response.end(listOf([rawService('a', 1)], 10 + watches));
    watches += 1;
    if (watches > 1) return void response.writeHead(200).flushHeaders();
    response.end(event('ERROR', { code: 410, message: 'too old resource version' }));
  });
  await until('listed again', () => store.health().lists === 2);
  const lists = server.requests.filter((url) => !isWatch(url));
  assert.ok(lists.every((url) => !url.searchParams.has('resourceVersion')));
});

test('a bookmark moves the revision that the next watch starts from', async () => {
  let watches = 0;
  const { server } = await follow((url, response) => {
    if (!isWatch(url)) return void response.end(listOf([], 10));
    if (watches++ > 0) return void response.writeHead(200).flushHeaders();
    response.end(event('BOOKMARK', { metadata: { resourceVersion: '77' } }));
  });
  await until('a second watch', () => watches === 2);
  const watch = server.requests.filter(isWatch)[1];
  assert.equal(watch?.searchParams.get('resourceVersion'), '77');
  assert.equal(watch?.searchParams.get('allowWatchBookmarks'), 'true');
  const seconds = Number(watch?.searchParams.get('timeoutSeconds'));
  assert.ok(seconds >= 240 && seconds <= 480);
});

test('I7: no event at a lower revision than seen changes an object or brings it back', async () => {
  const { store, names } = await follow((url, response) => {
    if (!isWatch(url))
      return void response.end(listOf([rawService('a', 5), rawService('b', 6)], 10));
    response.write(event('MODIFIED', rawService('a', 20)));
    response.write(event('MODIFIED', rawService('a', 19)));
    response.write(event('DELETED', rawService('b', 21)));
    response.write(event('MODIFIED', rawService('b', 18)));
    response.write(event('ADDED', rawService('c', 22)));
  });
  await until('all events were read', () => names().includes('default/c'));
  assert.deepEqual(names(), ['default/a', 'default/c']);
  assert.equal(store.snapshot().items.get('default/a')?.resourceVersion, '20');
  assert.equal(store.snapshot().revision, 22n);
});

test('a malformed object is set aside, named once, and stops none of the others', async () => {
  const lines: string[] = [];
  const bad = { ...rawService('bad', 7), spec: { type: 5 } };
  const { store, names } = await follow((url, response) => {
    if (!isWatch(url)) return void response.end(listOf([bad, rawService('a', 1)], 10));
    response.write(event('MODIFIED', { ...bad }));
    response.write(event('ADDED', rawService('b', 11)));
  }, lines);
  await until('the later one is there', () => names().includes('default/b'));
  assert.deepEqual(
    [...store.snapshot().malformed],
    [['default/bad', 'spec.type is 5, not a string']],
  );
  assert.equal(lines.filter((line) => line.includes('spec.type is 5')).length, 1);
  assert.equal(store.health().malformed, 1);
});

test('a snapshot does not change after it was taken', async () => {
  let send = (_line: string) => {};
  const { store, names } = await follow((url, response) => {
    if (!isWatch(url)) return void response.end(listOf([rawService('a', 1)], 10));
    response.writeHead(200).flushHeaders();
    send = (line) => void response.write(line);
  });
  await until('watching', () => store.health().state === 'watching');
  const before = store.snapshot();
  assert.equal(store.snapshot(), before);
  send(event('ADDED', rawService('b', 11)));
  await until('the event is in', () => names().length === 2);
  assert.deepEqual([...before.items.keys()], ['default/a']);
});

test('a watch that falls silent is given up', async () => {
  let watches = 0;
  const server = await scriptedServer((url, response) => {
    if (!isWatch(url)) return void response.end(listOf([], 10));
    watches += 1;
    response.writeHead(200).flushHeaders();
  });
  const log = pino({ level: 'silent' });
  const api = await openKubeApi({ kubeconfig: server.kubeconfig, clock, log });
  const shared = { api, resource: services, clock, log, onChange() {} };
  const store = watchStore({ ...shared, inactivityMs: 300 });
  closing.push(
    () => server.close(),
    () => api.close(),
    () => store.close(),
  );
  await until('a second watch', () => watches >= 2);
});

test('a failing API is asked ever less often, and a refusal is logged once', async () => {
  const lines: string[] = [];
  const { server, store } = await follow((_url, response) => {
    response
      .writeHead(403)
      .end(JSON.stringify({ reason: 'Forbidden', message: 'no list for you' }));
  }, lines);
  await until('several attempts', () => server.requests.length > 4);
  assert.equal(store.health().state, 'forbidden');
  assert.equal(lines.filter((line) => line.includes('apply deploy/rbac.yaml')).length, 1);
});

test('no turn of the event loop is long while 10,000 Services are read', async (t) => {
  const all = Array.from({ length: 10_000 }, (_, n) => rawService(`s${n}`, n + 1));
  const pages = Array.from({ length: 20 }, (_, page) =>
    listOf(all.slice(page * 500, page * 500 + 500), 20_000, page < 19 ? String(page + 1) : ''),
  );
  // Other work on the machine stretches turns too: the best of three is the code's own.
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3 && best >= 100; run += 1)
    best = Math.min(best, await longestTurn(pages));
  t.diagnostic(`longest turn ${best.toFixed(0)} ms`);
  assert.ok(best < 100, `${best} ms`);
});

/** The longest turn of the event loop in milliseconds while a store reads these pages. */
async function longestTurn(pages: readonly string[]): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  closing.push(() => clearInterval(timer));
  const { store } = await follow((url, response) => {
    if (isWatch(url)) return void response.writeHead(200).flushHeaders();
    response.end(pages[Number(url.searchParams.get('continue') ?? 0)]);
  });
  await until('in step', () => store.snapshot().synced, { timeout: 30_000 });
  assert.equal(store.snapshot().items.size, 10_000);
  clearInterval(timer);
  return longest;
}
