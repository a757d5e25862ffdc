import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acknowledged, mayAnswer, NOTHING_SENT, sent } from '../../src/wire/sent-tables.ts';

test('a wire may answer for what it has acknowledged and for all that was sent since', () => {
  let tables = sent(NOTHING_SENT, 1, ['a', 'b']);
  tables = sent(tables, 2, ['b']);
  assert.deepEqual([...mayAnswer(tables)], ['a', 'b']);
  tables = acknowledged(tables, 1);
  assert.deepEqual([...mayAnswer(tables)], ['a', 'b'], 'version 1 is known to be in force');
  tables = acknowledged(tables, 2);
  assert.deepEqual([...mayAnswer(tables)], ['b']);
});

test('an acknowledgement of something older changes nothing', () => {
  const tables = acknowledged(sent(NOTHING_SENT, 5, ['a']), 5);
  assert.equal(acknowledged(tables, 4), tables);
});

test('tables without end are merged: overstated, never understated', () => {
  let tables = NOTHING_SENT;
  for (let version = 1; version <= 100; version++)
    tables = sent(tables, version, [`vip${version}`]);
  assert.equal(tables.unacked.length, 32);
  assert.equal(mayAnswer(tables).size, 100);
  assert.deepEqual([...mayAnswer(acknowledged(tables, 100))], ['vip100']);
});
