import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selects } from '../../src/agent/select.ts';
import type { LabelExpression } from '../../src/model.ts';

const labels = { rack: 'r1', empty: '' };
const one = (expression: LabelExpression) =>
  selects({ matchLabels: {}, matchExpressions: [expression] }, labels);

test('an empty selector selects everything', () => {
  assert(selects({ matchLabels: {}, matchExpressions: [] }, {}));
});

test('matchLabels must all hold', () => {
  assert(selects({ matchLabels: { rack: 'r1', empty: '' }, matchExpressions: [] }, labels));
  assert(!selects({ matchLabels: { rack: 'r1', other: '' }, matchExpressions: [] }, labels));
});

test('In needs the label, NotIn does not', () => {
  assert(one({ key: 'rack', operator: 'In', values: ['r1', 'r2'] }));
  assert(!one({ key: 'none', operator: 'In', values: [''] }));
  assert(one({ key: 'none', operator: 'NotIn', values: ['x'] }));
  assert(!one({ key: 'rack', operator: 'NotIn', values: ['r1'] }));
});

test('Exists and DoesNotExist ask for the key alone, and inherited names are no labels', () => {
  assert(one({ key: 'empty', operator: 'Exists', values: [] }));
  assert(!one({ key: 'toString', operator: 'Exists', values: [] }));
  assert(one({ key: 'none', operator: 'DoesNotExist', values: [] }));
});
