import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  doneLine,
  holdingsOf,
  livingBetween,
  progressLine,
  stuckLines,
} from '../../src/cli/drain-progress.ts';
import { claimsOf, cutOf } from './leases.ts';

const A = '192.0.2.1';
const B = '192.0.2.2';

test('during a handover both claim: the VIP has not moved until the old owner lets go', () => {
  const both = holdingsOf(cutOf([claimsOf('n1', [A, B]), claimsOf('n2', [A])]), 'n1');
  assert.deepEqual([[...both.held], both.elsewhere.get(A)], [[A, B], 'n2']);
  const one = holdingsOf(cutOf([claimsOf('n1', [B]), claimsOf('n2', [A])]), 'n1');
  assert.deepEqual([...one.held], [B]);
});

test('what a fenced incarnation claims is owned by whoever took it over', () => {
  const cut = cutOf([claimsOf('n1', [A]), claimsOf('n2', [A], ['n1/b00/1'])]);
  const { held, elsewhere } = holdingsOf(cut, 'n1');
  assert.deepEqual([held.size, elsewhere.get(A)], [0, 'n2']);
});

test('progress counts what has left, in words', () => {
  const seven = new Set(['1', '2', '3', '4', '5', '6', '7']);
  assert.equal(progressLine(seven, new Set(['1', '2', '3', '4'])), '3 of 7 VIPs have moved');
  assert.equal(
    progressLine(seven, new Set(['1', '2', '3', '4', '5', '6'])),
    '1 of 7 VIPs has moved',
  );
  assert.equal(progressLine(new Set([A]), new Set()), '1 of 1 VIP has moved');
});

test('the last sentence says who owns what, names five addresses and counts the others', () => {
  const many = Array.from({ length: 7 }, (_, n) => `192.0.2.1${n}`);
  const cut = cutOf([claimsOf('n1', []), claimsOf('n3', many), claimsOf('n2', [A])]);
  assert.equal(
    doneLine('n1', new Set([...many, B, A]), holdingsOf(cut, 'n1')),
    'n1 owns nothing now: no node has 192.0.2.2, n2 has 192.0.2.1, n3 has 192.0.2.10, ' +
      '192.0.2.11, 192.0.2.12, 192.0.2.13, 192.0.2.14 and 2 more.',
  );
  assert.equal(doneLine('n1', new Set(), holdingsOf(cut, 'n1')), 'n1 owns no VIP.');
});

test('a node lives if its heartbeat was renewed between two cuts', () => {
  const first = cutOf([claimsOf('n1', []), claimsOf('n2', [])], 1n);
  const renewed = cutOf([claimsOf('n1', [])], 2n).heartbeats;
  const last = { ...first, heartbeats: new Map([...first.heartbeats, ...renewed]) };
  assert.deepEqual(livingBetween(first, last), new Set(['n1']));
});

const holdings = holdingsOf(cutOf([claimsOf('n1', [A]), claimsOf('n2', [])]), 'n1');
const base = { node: 'n1', seconds: 60, holdings, draining: new Map<string, string>() };

test('a VIP that stays is named, with a remedy for each reason', () => {
  const say = (living: string[], draining: Record<string, string> = {}) =>
    stuckLines({
      ...base,
      living: new Set(living),
      draining: new Map(Object.entries(draining)),
    }).join(' ');
  assert.match(say(['n1']), /still owns 192\.0\.2\.1: no other node.*No other node runs an agent/);
  assert.match(
    say(['n1', 'n2', 'n3'], { n1: 'drain asked for', n2: 'cordoned', n3: 'drain asked for' }),
    /drain too: n2 \(cordoned\) and n3 \(drain asked for\); .*kubectl uncordon/,
  );
  assert.match(say(['n1', 'n2', 'n3'], { n2: 'cordoned' }), /n3 may not have them: .*L2Advert/);
  assert.match(say(['n2']), /its agent does not run: its heartbeat was not renewed/);
});

test('of a claims lease that cannot be read nothing is claimed to be known', () => {
  const unreadable = { ...holdings, held: new Set<string>(), unreadable: true };
  const [line] = stuckLines({ ...base, holdings: unreadable, living: new Set() });
  assert.match(line ?? '', /nobody can tell what n1 owns/);
});
