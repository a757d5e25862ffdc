import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Heartbeat, LeaseCut } from '../../src/election/records.ts';
import { checkedTiming } from '../../src/election/timing.ts';
import {
  confirmed,
  type Grounds,
  judged,
  NO_VERDICTS,
  standing,
} from '../../src/election/verdict.ts';
import { observe, restarted, type View } from '../../src/election/view.ts';
import { type Instant, instant } from '../../src/instant.ts';
import { HandNode, HandPeer } from '../support/sim-hand.ts';

const timing = checkedTiming('standard');

function cutOf(revision: bigint, write: number, at: bigint = revision): LeaseCut {
  const record: Heartbeat = {
    kind: 'heartbeat',
    node: 'n2',
    bootId: 'b',
    session: 's',
    incarnation: 4,
    write,
  };
  const heartbeats = write === 0 ? [] : [['n2', { record, revision: at }] as const];
  return { revision, heartbeats: new Map(heartbeats), claims: new Map(), unreadable: new Map() };
}

function peer(view: View) {
  const found = view.get('n2');
  assert(found !== undefined);
  return found;
}

const seen = observe(new Map(), cutOf(5n, 1), 'n1', instant(1000));
const fresh = instant(3900);

function grounds(contact: Instant, silenced: readonly string[] = []): Grounds {
  return {
    contact,
    shownSince: instant(0),
    audible: new Set(),
    silenced: new Set(silenced),
    unsure: new Set<string>(),
    selfFenced: new Set(),
    timing,
  };
}

test('I6: dead needs no change for takerPatience since we saw the last one', () => {
  const early = judged(NO_VERDICTS, seen, grounds(fresh), instant(3999));
  assert.equal(standing(early, peer(seen)), 'live');
  const due = judged(NO_VERDICTS, seen, grounds(fresh), instant(4000));
  assert.equal(standing(due, peer(seen)), 'provisionally dead');
  assert.deepEqual([...due.fences], ['n2/b/4']);
});

test('I6: no verdict without a fresh view of our own', () => {
  const stale = instant(4000 - 1301);
  assert.equal(judged(NO_VERDICTS, seen, grounds(stale), instant(4000)).fences.size, 0);
});

test('I6: a verdict stays provisional until the barrier after the write that published it', () => {
  const due = judged(NO_VERDICTS, seen, grounds(fresh), instant(4000));
  assert.equal(standing(confirmed(due, seen, new Set()), peer(seen)), 'provisionally dead');
  assert.equal(standing(confirmed(due, seen, due.fences), peer(seen)), 'dead');
});

test('I6: a beat that the barrier shows spares the peer, but its fence stays published', () => {
  const due = judged(NO_VERDICTS, seen, grounds(fresh), instant(4000));
  const after = observe(seen, cutOf(6n, 2), 'n1', instant(4010));
  const barrier = confirmed(due, after, due.fences);
  const next = judged(barrier, after, grounds(fresh), instant(4010));
  assert.equal(standing(next, peer(after)), 'live');
  assert(next.fences.has('n2/b/4'));
});

test('after a gap in our own contact every patience starts anew', () => {
  const again = restarted(seen, instant(3500));
  assert.equal(judged(NO_VERDICTS, again, grounds(fresh), instant(4000)).fences.size, 0);
});

test('I7: nothing is accepted at a lower revision than one already seen', () => {
  const newer = observe(seen, cutOf(9n, 3), 'n1', instant(1500));
  const older = observe(newer, cutOf(7n, 2, 7n), 'n1', instant(1600));
  assert.equal(peer(older).beat, 's.3');
  assert.equal(peer(older).seenAt, instant(1500));
});

test('an older write of claims that comes back after a deletion tells nothing of what its writer claims', () => {
  const stored = (write: number, session = 's') => ({
    record: {
      ...({ kind: 'claims', node: 'n2', bootId: 'b', session, incarnation: 4, write } as const),
      ...{ vips: new Map(), leaving: new Set<string>(), fences: new Set<string>(), links: [] },
      ...{ joined: 1, draining: false, mayHold: false },
    },
    revision: BigInt(20 + write),
  });
  const shown = (revision: bigint, claims: ReturnType<typeof stored>) => ({
    ...cutOf(5n, 1),
    revision,
    claims: new Map([['n2', { ...claims, revision }]]),
  });
  const claimed = observe(seen, shown(30n, stored(9)), 'n1', instant(1500));
  assert.equal(peer(claimed).claims?.write, 9);
  const deleted = observe(claimed, { ...cutOf(5n, 1), revision: 31n }, 'n1', instant(1600));
  const late = observe(deleted, shown(32n, stored(7)), 'n1', instant(1700));
  assert.equal(peer(late).claims, undefined);
  const anew = observe(late, shown(33n, stored(1, 't')), 'n1', instant(1800));
  assert.equal(peer(anew).claims?.write, 1, 'another process counts for itself');
});

test('deletion is not expiry: the patience starts when the lease was seen to be gone', () => {
  const gone = observe(seen, cutOf(6n, 0), 'n1', instant(2000));
  assert.equal(judged(NO_VERDICTS, gone, grounds(fresh), instant(4000)).fences.size, 0);
  const late = instant(4900);
  assert.equal(judged(NO_VERDICTS, gone, grounds(late), instant(5000)).fences.size, 1);
});

test('I6: silence counts only from when our own contact came back, though authority never ended', () => {
  const node = new HandNode(['n1', 'n2'], []);
  const peer = new HandPeer(node.leases);
  peer.claim(1, []);
  peer.beat(1);
  node.pass(1000);
  const lastContact = node.state.provenAt;
  node.now = lastContact + 1400;
  node.settle();
  const regained = node.now;
  assert(node.state.phase === 'member' && node.state.incarnation === 1);
  node.pass(timing.takerPatience - 50);
  assert.equal(node.state.verdicts.fences.size, 0, 'judged by a silence that it could not hear');
  node.pass(100);
  assert.deepEqual([...node.state.verdicts.fences], ['n2/b/1'], `${node.now - regained} ms later`);
});
