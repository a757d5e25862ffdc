import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRegister, sent } from '../../src/election/register.ts';
import { beatOf } from '../../src/election/speech.ts';
import { type ClaimsContent, initialState } from '../../src/election/state.ts';
import { checkedTiming } from '../../src/election/timing.ts';
import type { Peer } from '../../src/election/view.ts';
import { instant } from '../../src/instant.ts';

const START = instant(0);

function peer(node: string, seenAt: number): [string, Peer] {
  const unseen = { claims: undefined, claimsWrite: '', claimsRevision: 0n, heartbeatRevision: 0n };
  const identity = `${node}/b/1`;
  const times = { seenAt: instant(seenAt), aliveSince: START, wasAlive: true };
  return [node, { identity, incarnation: 1, beat: '', ...times, ...unseen }];
}

test('a beat names first the fenced that lived last: a frame that is full ends in the middle', () => {
  const fences = new Set(['n2/b/1', 'n9/b/3', 'n3/b/1', 'n4/b/1']);
  const content = { vips: new Map(), leaving: new Set<string>(), fences };
  const claims = { ...content, joined: 1, draining: false, mayHold: false, links: [] };
  const state = {
    ...initialState({ node: 'n1', bootId: 'b', session: 's' }, checkedTiming('standard')),
    view: new Map([peer('n2', 100), peer('n3', 300), peer('n4', 200)]),
    claims: { ...sent(openRegister<ClaimsContent>(undefined), 1, claims, START), committed: 1 },
  };
  const told = beatOf(state, new Set(), START).fences;
  assert.deepEqual(told, ['n3/b/1', 'n4/b/1', 'n2/b/1', 'n9/b/3']);
});
