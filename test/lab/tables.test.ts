import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spreadLines, spreadOf, tableLines } from './tables.ts';

test('spreadOf() takes the mean of the two middle values, and the nearest rank for p99', () => {
  assert.deepEqual(spreadOf([4, 1, 3, 2]), { count: 4, min: 1, median: 2.5, p99: 4, max: 4 });
  assert.deepEqual(spreadOf([5]), { count: 1, min: 5, median: 5, p99: 5, max: 5 });
  assert.equal(spreadOf(Array.from({ length: 200 }, (_, index) => index + 1)).p99, 198);
});

test('tableLines() sets numbers flush right and words flush left', () => {
  assert.deepEqual(
    tableLines([
      ['case', 'ms'],
      ['crash', '7'],
      ['kill', '3000'],
    ]),
    ['case     ms', '-----  ----', 'crash     7', 'kill   3000'],
  );
});

test('spreadLines() shows a measure without values as dashes', () => {
  const [, , first, second] = spreadLines(
    [
      { name: 'stretch', values: [2, 1, 3] },
      { name: 'none', values: [] },
    ],
    1,
  );
  assert.equal(first, 'stretch     3  1.0     2.0  3.0');
  assert.equal(second, 'none        0    -       -    -');
});
