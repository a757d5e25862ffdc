import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { systemClock } from '../../src/sys/clock.ts';
import { type NodeLock, takeNodeLock } from '../../src/sys/node-lock.ts';

const clock = systemClock();
const never = new AbortController().signal;

async function taken(name: string): Promise<NodeLock> {
  const lock = await takeNodeLock(name, clock, { signal: never, onWait: () => {} });
  assert(lock !== 'aborted');
  return lock;
}

test('one holder at a time: the next waits until the lock is closed, and finds it free', async () => {
  const name = randomUUID();
  const first = await taken(name);
  assert.equal(first.succession.kind, 'found free');
  assert.equal(first.hasHeir(), false);
  let isOurs = false;
  const waiting = taken(name).then((lock) => {
    isOurs = true;
    return lock;
  });
  await clock.sleep(150);
  assert.equal(isOurs, false);
  assert(first.hasHeir());
  await first.close();
  const second = await waiting;
  assert.equal(second.succession.kind, 'found free');
  await second.close();
});

test('a lock that is handed over tells its heir so', async () => {
  const name = randomUUID();
  const first = await taken(name);
  const waiting = taken(name);
  while (!first.hasHeir()) await clock.sleep(5);
  await first.handOver({ revision: 42n, dead: ['n2/b/1', 'n3/b/7'] });
  const second = await waiting;
  assert.deepEqual(second.succession, {
    kind: 'handed over',
    revision: 42n,
    dead: ['n2/b/1', 'n3/b/7'],
  });
  await second.close();
});

test('of two that wait one is the heir, and the other goes on waiting', async () => {
  const name = randomUUID();
  const first = await taken(name);
  const waiting = [taken(name), taken(name)];
  while (!first.hasHeir()) await clock.sleep(5);
  await clock.sleep(150);
  await first.handOver({ revision: 42n, dead: [] });
  const second = await Promise.race(waiting);
  await clock.sleep(250);
  await second.close();
  const [a, b] = await Promise.all(waiting);
  assert(a !== undefined && b !== undefined && a !== b);
  assert.deepEqual([a.succession.kind, b.succession.kind].sort(), ['found free', 'handed over']);
  await Promise.all([a.close(), b.close()]);
});

test('who is told to stop does not wait any longer', async () => {
  const name = randomUUID();
  const first = await taken(name);
  const stop = new AbortController();
  const waiting = takeNodeLock(name, clock, { signal: stop.signal, onWait: () => {} });
  while (!first.hasHeir()) await clock.sleep(5);
  stop.abort();
  assert.equal(await waiting, 'aborted');
  await first.close();
});
