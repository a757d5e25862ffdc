import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConditionFacts, conditionsOf } from '../../src/agent/conditions.ts';
import { ringOf } from '../../src/election/rank.ts';
import { initialState } from '../../src/election/state.ts';
import { checkedTiming, type Profile } from '../../src/election/timing.ts';

const SELF = { node: 'n1', bootId: 'b', session: 's' };
const AT = '2026-11-21T10:00:00.123000Z';
const LATER = '2026-11-21T10:00:01.123000Z';

function facts(profile: Profile, phase: 'reading' | 'member' | 'held'): ConditionFacts {
  const fresh = initialState(SELF, checkedTiming(profile));
  const health = { heard: 0, unheard: [] };
  const election = { ...fresh, phase, ring: ringOf(['n1', 'n2']) };
  return { election, witness: { links: new Map() }, health };
}

function found(facts: ConditionFacts, type: string): string {
  const condition = conditionsOf(facts, [], AT).find((each) => each.type === type);
  return `${condition?.status} ${condition?.reason}`;
}

test('where the network swallows the witness, or it is off, a condition says so', () => {
  const member = facts('standard', 'member');
  const witnessHealthy = (change: Partial<ConditionFacts>) =>
    found({ ...member, ...change }, 'WitnessHealthy');
  assert.equal(witnessHealthy({}), 'Unknown Alone');
  assert.equal(witnessHealthy({ health: { heard: 1, unheard: [] } }), 'True PeersHeard');
  assert.equal(witnessHealthy({ health: { heard: 1, unheard: ['n3'] } }), 'False PeersUnheard');
  assert.equal(witnessHealthy({ witness: undefined }), 'False NoKey');
  assert.equal(found(facts('fast-lease', 'member'), 'WitnessHealthy'), 'False NoBeats');
});

test('a node that has no authority or stands by beyond 32 speakers says so', () => {
  const member = facts('standard', 'member');
  assert.equal(found(member, 'Speaker'), 'True Member');
  assert.equal(found(facts('standard', 'held'), 'Speaker'), 'True Held');
  assert.equal(found(facts('standard', 'reading'), 'Speaker'), 'False NoAuthority');
  const full = { ...member.election, ring: ringOf(['n2', 'n3']) };
  assert.equal(found({ ...member, election: full }, 'Speaker'), 'False StandsBy');
});

test('lastTransitionTime is that of the last change of status, in whole seconds', () => {
  const member = facts('standard', 'member');
  const first = conditionsOf(member, [], AT);
  const [, same] = conditionsOf(facts('standard', 'held'), first, LATER);
  assert.equal(same?.lastTransitionTime, '2026-11-21T10:00:00Z');
  const [, changed] = conditionsOf(facts('standard', 'reading'), first, LATER);
  assert.equal(changed?.lastTransitionTime, '2026-11-21T10:00:01Z');
});
