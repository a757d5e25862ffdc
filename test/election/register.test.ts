import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  openRegister,
  type Register,
  seenBack,
  sent,
  settled,
} from '../../src/election/register.ts';
import { instant } from '../../src/instant.ts';

const self = { session: 'a', incarnation: 3 };
const stampOf = (write: number, session = 'a', incarnation = 3) => ({
  node: 'n1',
  bootId: 'b',
  session,
  incarnation,
  write,
});

function known(register: Register<string> | 'foreign'): Register<string> {
  assert(register !== 'foreign');
  return register;
}

test('a write that timed out is retried upon the same base', () => {
  const first = sent(openRegister<string>(7n), 1, 'x', instant(100));
  const failed = settled(first, 1, { kind: 'failed' });
  assert.equal(failed.base, 7n);
  assert.equal(failed.inFlight, undefined);
});

test('a conflict with one of our own writes was our commit, sent when that attempt was sent', () => {
  const first = settled(sent(openRegister<string>(7n), 1, 'x', instant(100)), 1, {
    kind: 'failed',
  });
  const second = settled(sent(first, 2, 'y', instant(900)), 2, { kind: 'conflict' });
  assert(second.refused);
  const stored = { record: stampOf(1), revision: 9n };
  const found = known(seenBack(second, stored, 12n, self));
  assert.equal(found.base, 9n);
  assert.equal(found.seen, 1);
  assert.equal(found.attempts.get(found.seen)?.sentAt, instant(100));
  assert(!found.refused);
});

test('what somebody else wrote is foreign: another session, another incarnation, an unknown write', () => {
  const register = settled(sent(openRegister<string>(7n), 1, 'x', instant(0)), 1, {
    kind: 'committed',
    revision: 8n,
  });
  for (const record of [stampOf(1, 'z'), stampOf(1, 'a', 4), stampOf(5)]) {
    assert.equal(seenBack(register, { record, revision: 9n }, 9n, self), 'foreign');
  }
});

test('an object that is gone is foreign only if the cut is newer than our write', () => {
  const register = settled(sent(openRegister<string>(7n), 1, 'x', instant(0)), 1, {
    kind: 'committed',
    revision: 8n,
  });
  assert.equal(seenBack(register, undefined, 9n, self), 'foreign');
  assert.notEqual(seenBack(register, undefined, 6n, self), 'foreign');
});

test('I7: a cut older than our newest write changes nothing', () => {
  const register = settled(sent(openRegister<string>(7n), 1, 'x', instant(0)), 1, {
    kind: 'committed',
    revision: 8n,
  });
  const old = { record: stampOf(40, 'z', 1), revision: 7n };
  assert.equal(seenBack(register, old, 7n, self), register);
});

test('a write of ours that was given up, carried out after somebody deleted the object, is foreign', () => {
  const given = sent(openRegister<string>(undefined), 1, 'x', instant(0));
  const next = sent(settled(given, 1, { kind: 'failed' }), 2, 'y', instant(900));
  const register = settled(next, 2, { kind: 'committed', revision: 8n });
  assert.equal(seenBack(register, { record: stampOf(1), revision: 12n }, 12n, self), 'foreign');
});

test('the predecessor of the join is no foreign write', () => {
  const register = sent(openRegister<string>(7n), 1, 'x', instant(0));
  const stored = { record: stampOf(40, 'z', 2), revision: 7n };
  assert.notEqual(seenBack(register, stored, 7n, self), 'foreign');
});
