import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breaches, type FaultResult, generous, unsafe } from './fault.ts';
import { FAULT_LABS } from './fault-labs.ts';
import { FAULT_SERIES } from './fault-series.ts';
import { faultsPage } from './faults-page.ts';
import { garbler } from './proxy/garble.ts';

const GOOD: FaultResult = {
  case: 'kill',
  number: 3,
  protection: 'with witness',
  nodes: 3,
  length: 'short',
  watchMs: 4500,
  at: '2026-01-01T00:00:00.000Z',
  load: 1,
  owner: 'n1',
  successor: 'n2',
  longestUnansweredMs: 400,
  othersUnansweredMs: 20,
  backMs: 0,
  moves: 1,
  otherMoves: 0,
  doubled: 0,
  stale: 0,
  udpSent: 500,
  udpLost: 0,
  wrong: [],
  complaints: [],
  more: {},
  timeline: [],
};
const BOUNDS = { unansweredMs: 900, othersUnansweredMs: 60, moves: 1, otherMoves: 0, udpLost: 0 };

test('a result within all bounds has no breach', () => {
  assert.deepEqual(breaches(GOOD, BOUNDS), []);
});

test('doubled and stale answers are breaches whatever the bounds', () => {
  assert.equal(breaches({ ...GOOD, doubled: 1 }, {}).length, 1);
  assert.equal(breaches({ ...GOOD, stale: 1 }, {}).length, 1);
});

test('what is beyond a bound, and what could not be measured, is a breach', () => {
  for (const bad of [
    { longestUnansweredMs: 901 },
    { longestUnansweredMs: Number.NaN },
    { othersUnansweredMs: 61 },
    { moves: 2 },
    { otherMoves: 1 },
    { udpLost: 1 },
    { wrong: ['something else'] },
  ]) {
    assert.equal(breaches({ ...GOOD, ...bad }, BOUNDS).length, 1, JSON.stringify(bad));
  }
});

test('a busy machine excuses everything but doubled and stale answers', () => {
  for (const bad of [{ longestUnansweredMs: 9000 }, { moves: 2 }, { udpLost: 1 }]) {
    assert.deepEqual(unsafe({ ...GOOD, ...bad }), []);
  }
  for (const bad of [{ doubled: 1 }, { stale: 1 }])
    assert.equal(unsafe({ ...GOOD, ...bad }).length, 1);
});

test('generous bounds give more time: 1.5 s where nothing is to be taken over, else 3 s', () => {
  const { unansweredMs, othersUnansweredMs, ...rest } = generous(BOUNDS);
  assert.deepEqual([unansweredMs, othersUnansweredMs], [3000, 1500]);
  assert.deepEqual(rest, { moves: 1, otherMoves: 0, udpLost: 0 });
  assert.deepEqual(generous({ unansweredMs: 200, backMs: 6000 }), {
    unansweredMs: 3000,
    backMs: 18_000,
  });
});

test('no two cases have one name', () => {
  const names = FAULT_LABS.flatMap(({ cases }) => cases.map(({ name }) => name));
  assert.deepEqual(names, [...new Set(names)]);
});

test('the page has a section for each lab, with the witness first, and counts what must be 0', () => {
  const more = { writes: 1 };
  const page = faultsPage(
    [{ ...GOOD, protection: 'leases alone' }, GOOD, { ...GOOD, doubled: 2, more }],
    'a machine',
  );
  const heads = page.split('\n').filter((line) => line.startsWith('## '));
  assert.deepEqual(heads, ['## 3 nodes, with witness', '## 3 nodes, leases alone']);
  assert.match(page, /^\| kill \| 3 \| 2 \| 400 \| 400 \| 400 \| 2 \| 2 \| 0 \| 0 \| 1000 \|$/m);
  assert.match(page, /^writes: median 1\.00, most 1\.00 \(1 runs\)\.$/m);
  assert.match(page, /^2026-01-01: a machine, load average 1\.0 \(at most 1\.0\)\./m);
});

test('every case that was to be made is in a lab', () => {
  const demanded = [
    ...[1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14, 16, 17, 20, 21, 22, 24, 26, 27, 28, 29, 31],
    ...[37, 38, 40, 46, 50, 53, 54, 55, 56, 57, 58],
  ];
  const made = new Set(FAULT_LABS.flatMap(({ cases }) => cases.map(({ number }) => number)));
  assert.deepEqual(
    demanded.filter((number) => !made.has(number)),
    [],
  );
});

test('a series names cases that exist, and no two series have one name', () => {
  const cases = FAULT_LABS.flatMap((lab) => lab.cases.map(({ name }) => name));
  for (const series of FAULT_SERIES)
    for (const name of series.cases) assert(cases.includes(name), `${series.name}: ${name}`);
  const names = FAULT_SERIES.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)]);
});

test('a garbled watch loses no line until it ends with 410', () => {
  const garble = garbler();
  const sent = Array.from({ length: 21 }, (_, index) => `{"line":${index}}`);
  const got = sent.flatMap((line) => garble(line, 'garbled-watches').lines);
  for (const line of sent.slice(0, 19)) assert(got.includes(line), line);
  assert.match(got.at(-1) ?? '', /"code":410/);
});
