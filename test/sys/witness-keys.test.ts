import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { instant } from '../../src/instant.ts';
import type { Clock } from '../../src/sys/clock.ts';
import { watchWitnessKeys } from '../../src/sys/witness-keys.ts';

const A = Buffer.alloc(32, 0xa1);
const B = Buffer.alloc(48, 0xb2);

/** A folder as the kubelet mounts a Secret: files that lead through a link that is replaced. */
function mount(t: TestContext, key: Buffer) {
  const folder = mkdtempSync(join(tmpdir(), 'lh-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  let version = 0;
  const put = (data: Buffer) => {
    version += 1;
    writeFileSync(join(folder, `key${version}`), data);
    symlinkSync(`key${version}`, join(folder, 'next'));
    renameSync(join(folder, 'next'), join(folder, 'key'));
  };
  put(key);
  return { file: join(folder, 'key'), put };
}

/** A clock whose intervals come when the test says so, and a log that is read. */
function world() {
  const ticks: (() => void)[] = [];
  const lines: string[] = [];
  const clock: Clock = {
    now: () => instant(0),
    sleep: () => Promise.resolve(),
    every(_, callback) {
      ticks.push(callback);
      return { close: () => ticks.splice(ticks.indexOf(callback), 1) };
    },
    random: () => 0.5,
    wallTime: () => '',
  };
  const line = (_: object, message: string) => lines.push(message);
  const log = { debug: line, info: line, warn: line, error: line };
  const tick = () => {
    for (const callback of ticks) callback();
  };
  return { clock, log, tick, lines, ticks };
}

test('keys are read at once, and handed on when one has changed', (t) => {
  const { file, put } = mount(t, A);
  const outside = world();
  const seen: (readonly string[])[] = [];
  const keys = watchWitnessKeys([file], outside, (changed) => seen.push(changed));
  assert.deepEqual(keys.keys(), [A.toString('hex')]);
  outside.tick();
  assert.deepEqual(seen, []);
  put(B);
  outside.tick();
  outside.tick();
  assert.deepEqual(seen, [[B.toString('hex')]]);
  assert.deepEqual(keys.keys(), [B.toString('hex')]);
  keys.close();
  assert.equal(outside.ticks.length, 0);
});

test('a file that cannot be used any more keeps its key, and is logged once', (t) => {
  const { file, put } = mount(t, A);
  const outside = world();
  const keys = watchWitnessKeys([file], outside, () => assert.fail('nothing has changed'));
  put(Buffer.alloc(31));
  for (let i = 0; i < 3; i++) outside.tick();
  rmSync(file);
  for (let i = 0; i < 3; i++) outside.tick();
  assert.deepEqual(keys.keys(), [A.toString('hex')]);
  assert.deepEqual(outside.lines, ['the key of the witness stays what it was']);
  put(A);
  outside.tick();
  assert.equal(outside.lines.at(-1), 'the key file of the witness can be used again');
});

test('a short file at the start is refused, with what to do', (t) => {
  const { file, put } = mount(t, Buffer.alloc(31));
  const start = () => watchWitnessKeys([file], world(), () => {});
  assert.throws(start, /key file .*key holds 31 bytes; it needs at least 32: make one with/);
  put(A);
  start().close();
});

test('a file that is not there yet is waited for', (t) => {
  const { file, put } = mount(t, A);
  rmSync(file);
  const outside = world();
  const seen: (readonly string[])[] = [];
  const keys = watchWitnessKeys([file], outside, (changed) => seen.push(changed));
  for (let i = 0; i < 3; i++) outside.tick();
  assert.deepEqual(keys.keys(), []);
  put(A);
  outside.tick();
  assert.deepEqual(seen, [[A.toString('hex')]]);
  keys.close();
});

test('a second file that goes takes its key with it; once all are gone the last keys stay', (t) => {
  const first = mount(t, A);
  const second = mount(t, B);
  const outside = world();
  const files = [first.file, second.file];
  const keys = watchWitnessKeys(files, outside, () => {});
  assert.deepEqual(keys.keys(), [A.toString('hex'), B.toString('hex')]);
  rmSync(second.file);
  outside.tick();
  assert.deepEqual(keys.keys(), [A.toString('hex')]);
  rmSync(first.file);
  outside.tick();
  assert.deepEqual(keys.keys(), [A.toString('hex')]);
  keys.close();
});
