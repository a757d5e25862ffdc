import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ablation, caught, caughtWithout, type Patch } from '../support/ablation.ts';

const BARRIER = 'src/election/barrier.ts';
const AUTHORITY = 'src/election/authority.ts';
const DECIDE = 'src/election/decide.ts';
const EVENTS = 'src/election/events.ts';
const JOINING = 'src/election/joining.ts';
const LISTING = 'src/election/listing.ts';
const HEARING = 'src/election/hearing.ts';
const NAMESAKE = 'src/election/namesake.ts';
const TIMING = 'src/election/timing.ts';
const VERDICT = 'src/election/verdict.ts';
const GATE = 'src/wire/gate.ts';
const WITNESS = 'src/wire/witness.ts';

const PROBING = 'src/election/probing.ts';

const RETIRE: Patch = {
  file: EVENTS,
  find: "  if (isFenced(seen)) return lapse(seen, 'fenced by another node', now);\n",
  put: '',
};
const HEED_BEATS: readonly Patch[] = [
  {
    file: AUTHORITY,
    find: "  if (isFencedByBeat(state, world.witness)) return lapse(state, 'fenced by another node', now);\n",
    put: '',
  },
  {
    file: WITNESS,
    find: 'if (own === undefined || !fences.includes(own)) return [];',
    put: "if (own === undefined || !fences.includes(own) || own !== '') return [];",
  },
];
const HANDOVERS = [
  'watch lags',
  'endpoints move',
  'selector changes',
  'API slow for all',
  'requests are slow or lost',
  'excluded for an instant',
  'Service comes and goes',
];

/** A lone speaker that is cut off, and another that joins meanwhile. */
const GROWTH = ['API cut off', 'a new node joins', 'API hears but does not answer', 'host dies'];

/**
 * Each rule switched off alone. The seeds are about ten times what it takes: what is drawn for a seed shifts
 * with any change of the core, and they cost nothing unless nothing is found.
 */
const RULES: readonly Ablation[] = [
  {
    rule: '4.4.3: who may be holding with nobody to hear is asked on the segment first',
    seeds: 200,
    plan: { nodes: 1, witness: 'swallowed' },
    faults: GROWTH,
    patches: [
      {
        file: PROBING,
        find: 'return mayHoldAlone(suspect) && !isSilent;',
        put: "return mayHoldAlone(suspect) && !isSilent && suspect.identity === '';",
      },
    ],
  },
  {
    rule: '4.4.3: an answer on the segment leaves its sender alone',
    seeds: 200,
    plan: { nodes: 1, witness: 'swallowed' },
    faults: GROWTH,
    patches: [
      {
        file: PROBING,
        find: 'outcomes.set(suspect.identity, { startedAt, answered });',
        put: 'outcomes.set(suspect.identity, { startedAt, answered: answered && false });',
      },
    ],
  },
  {
    rule: 'I1: the barrier begins after the commit of the claim',
    seeds: 20,
    faults: HANDOVERS,
    patches: [{ file: BARRIER, find: ' || write > state.barrier) continue;', put: ') continue;' }],
  },
  {
    rule: 'I1: no claim of another live node stands',
    seeds: 20,
    patches: [
      { file: BARRIER, find: '    if (blockers(state, vip).length > 0) continue;\n', put: '' },
    ],
  },
  {
    rule: 'I1: a claim that a write under way may give up does not stand',
    seeds: 160,
    plan: { nodes: 3 },
    faults: ['requests are slow or lost', 'link flaps', 'one request hangs'],
    patches: [
      {
        file: BARRIER,
        find: '    if (pending.some(({ vips }) => !vips.has(vip))) continue;\n',
        put: '',
      },
    ],
  },
  {
    rule: 'I1: whose claims lease was deleted or spoilt may hold anything',
    seeds: 60,
    plan: { nodes: 3 },
    patches: [
      {
        file: BARRIER,
        find: 'if (peer.claims === undefined || peer.claims.incarnation < peer.incarnation) return true;',
        put: 'if (peer.claims === undefined) return false;',
      },
    ],
  },
  {
    rule: 'I2: a VIP leaves the claims only once no wire holds it',
    seeds: 40,
    patches: [
      {
        file: DECIDE,
        find: '    if (!world.held.has(vip) || vips.has(vip)) continue;\n',
        put: "    if (vip !== '') continue;\n",
      },
    ],
  },
  {
    rule: 'I3: the gate knows when the authority ends',
    seeds: 20,
    plan: { nodes: 3 },
    faults: ['stop of the agent alone', 'API cut off', 'wire hears late'],
    patches: [{ file: GATE, find: "  if (now >= gate.until) return 'no_authority';\n", put: '' }],
  },
  {
    rule: 'I3, 4.4.2: the wires of an agent that is silent end its incarnation',
    seeds: 20,
    plan: { nodes: 3, witness: 'on' },
    faults: ['stop of the agent alone', 'API cut off'],
    patches: [
      {
        file: GATE,
        find: "  if (now > add(gate.sentAt, MAX_AGENT_SILENCE_MS)) return 'agent_silent';\n",
        put: '',
      },
      {
        file: WITNESS,
        find: 'if (now < selfFenceAt(gate)) return [];',
        put: 'if (now > 0) return [];',
      },
    ],
  },
  {
    rule: 'I4: authority counts from when the heartbeat was sent',
    seeds: 120,
    patches: [
      {
        file: EVENTS,
        find: 'const authUntil = add(sentAt, state.timing.holderPatience);',
        put: 'const authUntil = add(now, state.timing.holderPatience);',
      },
    ],
  },
  {
    rule: 'I5: a lapse begins a new incarnation',
    seeds: 20,
    patches: [
      { file: JOINING, find: '...fencesOfOurs(state)) + 1,', put: '...fencesOfOurs(state)),' },
    ],
  },
  {
    rule: 'I5: the next incarnation begins once no wire answers under the last',
    seeds: 20,
    plan: { nodes: 3 },
    faults: ['wire hears late', 'Lease deleted', 'Lease spoilt', 'label removed'],
    patches: [
      {
        file: DECIDE,
        find: '  if (state.claims.committed === 0 && world.held.size > 0 && !state.inherits) return idle;\n',
        put: '',
      },
      {
        file: LISTING,
        find: "state.phase === 'reading' && world.held.size === 0 && !neverJoins",
        put: "state.phase === 'reading' && !neverJoins",
      },
    ],
  },
  {
    rule: 'I5: authority that ran out is a lapse',
    seeds: 60,
    plan: { nodes: 3 },
    faults: [
      'API cut off',
      'both Leases deleted',
      'agent is killed',
      'API cut off until authority just ends',
    ],
    patches: [
      {
        file: AUTHORITY,
        find: '  if (now < state.authUntil) return isOutageNear',
        put: '  if (now < state.authUntil + 1e9) return isOutageNear',
      },
    ],
  },
  {
    rule: 'I5: a successor on the same host waits for the last frame of its predecessor',
    seeds: 20,
    patches: [
      { file: JOINING, find: 'const LAST_FRAME_MS = 250;', put: 'const LAST_FRAME_MS = 0;' },
    ],
  },
  {
    rule: 'another machine under our name is waited for while it renews its heartbeat',
    seeds: 40,
    plan: { nodes: 3 },
    faults: ['two machines of one name', 'watch lags'],
    patches: [
      {
        file: NAMESAKE,
        find: '  if (bootId === undefined || hasLeft(claims?.record)) return undefined;\n',
        put: "  if (bootId === undefined || bootId !== '') return undefined;\n",
      },
    ],
  },
  {
    rule: 'another machine under our name is waited for while it is heard: it may be holding',
    seeds: 800,
    plan: { nodes: 3, witness: 'on' },
    faults: ['two machines of one name', 'API cut off', 'API away from all'],
    patches: [
      {
        file: NAMESAKE,
        find: '  if (voice === undefined) return state;\n',
        put: "  if (voice === undefined || voice.bootId !== '') return state;\n",
      },
      {
        file: NAMESAKE,
        find: '(namesakeVoice(state, report)?.number ?? 0) > state.incarnation;',
        put: 'namesakeVoice(state, report) === null;',
      },
    ],
  },
  {
    rule: 'I6: a verdict is published, and final after a barrier',
    seeds: 20,
    patches: [
      {
        file: VERDICT,
        find: '    provisional.set(id, peer.beat);\n    fences.add(id);',
        put: '      dead.add(id);',
      },
    ],
  },
  {
    rule: 'I6: no verdict without a fresh view',
    seeds: 60,
    plan: { nodes: 3, moves: 'theirs', witness: 'off' },
    faults: ['API cut off', 'watch is lost'],
    patches: [{ file: VERDICT, find: '(fresh && !mayHold', put: '(!mayHold' }],
  },
  {
    rule: 'I6: patience starts anew after a gap in our own contact',
    seeds: 300,
    plan: { nodes: 3, witness: 'on' },
    faults: ['API away from all', 'API cut off', 'segment is rough'],
    patches: [
      {
        file: EVENTS,
        find: 'view: gap ? restarted(state.view, now) : state.view,',
        put: 'view: state.view,',
      },
    ],
  },
  {
    rule: 'I6: who reads a fence on its incarnation retires it',
    seeds: 20,
    plan: { nodes: 3, witness: 'off' },
    faults: ['freeze with its clock', 'watch lags', 'API hears but does not answer'],
    patches: [RETIRE],
  },
  {
    rule: 'G2: a fence is heeded where it is heard, in the Leases or in a beat',
    seeds: 20,
    plan: { nodes: 3, witness: 'on' },
    faults: ['freeze with its clock', 'node is mute', 'stop', 'API cut off'],
    patches: [RETIRE, ...HEED_BEATS],
  },
  {
    rule: 'I7: an older cut does not take the claims of others back',
    seeds: 20,
    plan: { nodes: 3 },
    faults: [
      'watch begins anew in the past',
      'excluded for an instant',
      'cordoned',
      'excluded for long',
      'Service comes and goes',
      'endpoints move',
      'watch lags a little',
    ],
    patches: [
      {
        file: 'src/election/view.ts',
        find: '  if (stored.revision <= peer.claimsRevision) return peer;\n',
        put: '  if (stored.revision === peer.claimsRevision) return peer;\n',
      },
    ],
  },
  {
    rule: '4.4.4: a RELEASE voids what was claimed before it, and nothing later',
    seeds: 20,
    plan: { nodes: 3, witness: 'on' },
    faults: [
      'excluded for an instant',
      'link flaps',
      'Service comes and goes',
      'cordoned',
      'excluded for long',
    ],
    patches: [
      {
        file: BARRIER,
        find: 'return peer.claims.session === release.session && peer.claims.write <= release.upTo;',
        put: 'return true;',
      },
    ],
  },
  {
    rule: '4.4.4: after its RELEASE a node owns a VIP again by a new write only',
    seeds: 120,
    plan: { nodes: 3, witness: 'on' },
    faults: ['link flaps', 'Service comes and goes'],
    patches: [
      {
        file: BARRIER,
        find: '    if ((state.voidUpTo.get(vip) ?? 0) >= state.claims.committed) continue;\n',
        put: '',
      },
    ],
  },
  {
    rule: 'I7: an API server that went back in time ends the process',
    seeds: 40,
    plan: { nodes: 3 },
    faults: ['restored from a backup', 'excluded for long', 'host dies'],
    patches: [
      {
        file: EVENTS,
        find: '  if (cut.revision < listing.newest) return { ...idle, wentBack: true };\n',
        put: '',
      },
    ],
  },
  {
    rule: 'I8: a wire that stood still is suspect',
    seeds: 60,
    plan: { nodes: 3, witness: 'on' },
    faults: ['stop', 'short stop'],
    patches: [{ file: GATE, find: '  gate.suspectSince = now;\n', put: '' }],
  },
  {
    rule: 'timings: takerPatience outlasts holderPatience on any clock',
    seeds: 40,
    plan: { nodes: 3, witness: 'off' },
    patches: [
      { file: TIMING, find: '    holderPatience: 2700,', put: '    holderPatience: 2990,' },
      { file: TIMING, find: '  if (taker < holder) {', put: '  if (taker < 0) {' },
    ],
  },
  {
    rule: 'timings: one lost heartbeat does not end the authority',
    seeds: 10,
    plan: { nodes: 3, moves: 'nothing', witness: 'off' },
    faults: ['one request is lost'],
    patches: [
      { file: TIMING, find: '    renewInterval: 1000,', put: '    renewInterval: 2000,' },
      { file: TIMING, find: '  if (handover >= ', put: '  if (handover < 0 && ' },
    ],
  },
  {
    rule: 'timings: a request is given up before the next heartbeat is due',
    seeds: 10,
    plan: { nodes: 3, moves: 'nothing', witness: 'off' },
    faults: ['one request hangs'],
    patches: [
      { file: TIMING, find: '    requestTimeout: 800,', put: '    requestTimeout: 2000,' },
      {
        file: TIMING,
        find: '  if (timing.requestTimeout >= timing.renewInterval) {',
        put: '  if (timing.requestTimeout < 0) {',
      },
    ],
  },
  {
    rule: '4.4.1: one node alone fences nobody where three are live',
    seeds: 10,
    plan: { nodes: 5, moves: 'theirs', witness: 'on' },
    faults: ['node is deaf', 'one does not hear another'],
    patches: [
      {
        file: HEARING,
        find: '  return false;\n}\n\n/** Whether a peer has been audible on the link',
        put: '  return true;\n}\n\n/** Whether a peer has been audible on the link',
      },
    ],
  },
  {
    rule: '4.4.1: a node that hears nobody blames itself',
    seeds: 120,
    plan: { nodes: 5, moves: 'theirs', witness: 'on' },
    faults: ['node is deaf', 'one does not hear another'],
    patches: [
      {
        file: HEARING,
        find: '    if (!heard.some((each) => hearsOthers(state, each, live))) continue;\n',
        put: '',
      },
    ],
  },
  {
    rule: '4.4.1: of two, who hears nothing else either judges nobody',
    seeds: 40,
    plan: { nodes: 2, moves: 'theirs', witness: 'on', surroundings: 'a gateway' },
    faults: ['node is deaf'],
    patches: [
      {
        file: HEARING,
        find: '  if (live < QUORUM_OF_TWO_FROM && hasForeign(silent, state.timing)) return true;',
        put: '  if (live < QUORUM_OF_TWO_FROM) return true;',
      },
      {
        file: HEARING,
        find: 'return inContact && heard.some((each) => hasForeign(each, state.timing));',
        put: 'return inContact;',
      },
    ],
  },
  {
    rule: '4.4.1: of two, who was deaf judges nobody by what it hears first',
    seeds: 40,
    plan: { nodes: 2, moves: 'theirs', witness: 'on', surroundings: 'a gateway' },
    faults: ['node is deaf'],
    patches: [
      {
        file: HEARING,
        find: '  if (link.unbrokenSince > hearing.heardAt) return false;\n',
        put: '',
      },
    ],
  },
  {
    rule: '4.4.3: the authority is held only while no audible peer has contact',
    seeds: 150,
    plan: { nodes: 3, witness: 'on' },
    faults: ['API cut off', 'watch lags'],
    patches: [
      {
        file: AUTHORITY,
        find: 'return state.peerContactSince === undefined ? held(state, now) : yielding(state, now);',
        put: 'return held(state, now);',
      },
    ],
  },
  {
    rule: '4.4.3: who has heard nobody since its last contact does not hold',
    seeds: 20,
    plan: { nodes: 3, witness: 'swallowed' },
    faults: ['API cut off'],
    patches: [
      {
        file: AUTHORITY,
        find: '  if (lastHeardAt(witness) >= state.contactAt) return true;',
        put: "  if (state.phase !== 'reading') return true;",
      },
    ],
  },
];

for (const ablation of RULES) {
  const { rule, seeds } = ablation;
  test(`without this rule the simulator finds a breach within ${seeds} seeds: ${rule}`, async (t) => {
    const found = await caught(ablation);
    assert(found !== undefined, `nothing is broken without it: is it needed, is it simulated?`);
    t.diagnostic(`${found.property} at seed ${found.seed}`);
    const [said] = found.text.split('\n');
    const control = await caughtWithout(ablation, found.seed);
    assert.equal(control, undefined, `the same seeds break something with the rule too: ${said}`);
  });
}
