import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add, type Instant, instant, NEVER } from '../../src/instant.ts';
import { awaitVips, nothingRemembered, recall, remember } from '../../src/wire/remembered.ts';

const START = instant(0);
const A = 1;
const B = 2;

function waitingFor(...ips: number[]) {
  const remembered = nothingRemembered();
  awaitVips(remembered, new Set(ips));
  return remembered;
}

const request = (ip: number, requester: string) => ({
  ip,
  requester,
  frame: Uint8Array.from(requester, (char) => char.charCodeAt(0)),
});
const all = (...ips: number[]) => new Map<number, Instant>(ips.map((ip) => [ip, NEVER]));
const namesOf = (frames: Uint8Array[]) => frames.map((frame) => String.fromCharCode(...frame));

test('who asked within the last second is recalled once, in the order of asking', () => {
  const remembered = waitingFor(A, B);
  remember(remembered, request(A, 'x'), START);
  remember(remembered, request(A, 'y'), add(START, 1));
  remember(remembered, request(B, 'z'), add(START, 500));
  assert.deepEqual(namesOf(recall(remembered, all(A), add(START, 1001))), ['y']);
  assert.deepEqual(recall(remembered, all(A), add(START, 1001)), []);
  assert.deepEqual(namesOf(recall(remembered, all(A, B), add(START, 1001))), ['z']);
});

test('of one requester the newest request is kept, as a copy', () => {
  const remembered = waitingFor(A);
  const one = request(A, 'x');
  remember(remembered, one, START);
  remember(remembered, one, add(START, 900));
  one.frame.fill(0);
  assert.deepEqual(namesOf(recall(remembered, all(A), add(START, 1500))), ['x']);
});

test('what is not waited for is not remembered, nor any longer than that', () => {
  const remembered = waitingFor(A);
  remember(remembered, request(B, 'x'), START);
  remember(remembered, request(A, 'y'), START);
  awaitVips(remembered, new Set([B]));
  assert.deepEqual(recall(remembered, all(A, B), START), []);
});

test('1,024 requesters are remembered, the first is forgotten first', () => {
  const remembered = waitingFor(A);
  for (let i = 0; i < 1030; i++) remember(remembered, request(A, `r${i}`), START);
  const names = namesOf(recall(remembered, all(A), START));
  assert.equal(names.length, 1024);
  assert.equal(names[0], 'r6');
});

test('a request from before the given time is forgotten: somebody else may have answered it', () => {
  const remembered = waitingFor(A);
  remember(remembered, request(A, 'x'), add(START, 99));
  remember(remembered, request(A, 'y'), add(START, 100));
  const since = new Map([[A, add(START, 100)]]);
  assert.deepEqual(namesOf(recall(remembered, since, add(START, 150))), ['y']);
  assert.equal(remembered.requests.size, 0);
});
