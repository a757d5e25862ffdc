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

/** Far longer than anything here takes. */
const PATIENCE_MS = 5000;

test('a lock that is handed over tells its heir so; the holder waits for it, then it for the holder', async () => {
  const name = randomUUID();
  const first = await taken(name);
  const waiting = taken(name);
  while (!first.hasHeir()) await clock.sleep(5);
  let isOver = false;
  const over = first
    .handOver({ revision: 42n, dead: ['n2/b/1', 'n3/b/7'] }, PATIENCE_MS)
    .then(() => {
      isOver = true;
    });
  const { succession, ...second } = await waiting;
  assert(succession.kind === 'handed over');
  const { predecessor, ...word } = succession;
  assert.deepEqual(word, { kind: 'handed over', revision: 42n, dead: ['n2/b/1', 'n3/b/7'] });
  await clock.sleep(50);
  assert.equal(isOver, false, 'stops before its heir is ready');
  predecessor.ready();
  await over;
  const end = Promise.race([predecessor.end, clock.sleep(50).then(() => 'none')]);
  assert.equal(await end, 'none', 'its heir takes it to have stopped');
  await first.stopped();
  assert.equal(await predecessor.end, 'stopped');
  await Promise.all([first.close(), second.close()]);
});

test('a holder that ends without a word is gone, and has not said that it stopped', async () => {
  const name = randomUUID();
  const first = await taken(name);
  const waiting = taken(name);
  while (!first.hasHeir()) await clock.sleep(5);
  const over = first.handOver({ revision: 1n, dead: [] }, PATIENCE_MS);
  const { succession, close } = await waiting;
  assert(succession.kind === 'handed over');
  await first.close();
  assert.equal(await succession.predecessor.end, 'gone');
  await over;
  await close();
});

test('a holder does not wait for an heir that is gone, nor for one that is slow', async () => {
  for (const isGone of [true, false]) {
    const name = randomUUID();
    const first = await taken(name);
    const stop = new AbortController();
    const waiting = takeNodeLock(name, clock, { signal: stop.signal, onWait: () => {} });
    while (!first.hasHeir()) await clock.sleep(5);
    if (isGone) stop.abort();
    const before = clock.now();
    await first.handOver({ revision: 1n, dead: [] }, isGone ? PATIENCE_MS : 100);
    assert(clock.now() - before < PATIENCE_MS / 2);
    await first.stopped();
    const second = await waiting;
    if (second !== 'aborted') await second.close();
    await first.close();
  }
});

test('of two that wait one is the heir, and the other goes on waiting', async () => {
  const name = randomUUID();
  const first = await taken(name);
  const waiting = [taken(name), taken(name)];
  while (!first.hasHeir()) await clock.sleep(5);
  await clock.sleep(150);
  await first.handOver({ revision: 42n, dead: [] }, 50);
  await first.stopped();
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
