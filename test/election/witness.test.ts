import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whomToAsk } from '../../src/election/asking.ts';
import type { LeaseWrite } from '../../src/election/decide.ts';
import type { WitnessReport } from '../../src/election/hearing.ts';
import type { Heartbeat } from '../../src/election/records.ts';
import { checkedTiming, silencePatience } from '../../src/election/timing.ts';
import { instant } from '../../src/instant.ts';
import type { Hearing } from '../../src/model.ts';
import { HandNode, HandPeer } from '../support/sim-hand.ts';

const VIP = '192.0.2.101';
const timing = checkedTiming('standard');
const { holderPatience, renewInterval, takerPatience } = timing;
const SILENCE = silencePatience(timing);

/** `n1` under test, with peers of which Leases and beats are made by hand. */
class Segment {
  readonly node: HandNode;
  readonly peers = new Map<string, HandPeer>();
  /** What each peer says with its beats; one that is not in it is silent. */
  readonly speaks = new Map<string, Partial<Hearing> & { readonly contactAge?: number }>();
  readonly #heard = new Map<string, Hearing>();
  #beatAt = 0;
  #renewAt = 0;
  #foreignAt = 0;
  #unbrokenSince = 0;
  /** Whether the API server can be reached. */
  api = true;
  /** Heartbeats that had no answer, with the time of their sending. */
  readonly unanswered: { readonly write: LeaseWrite<Heartbeat>; readonly sentAt: number }[] = [];
  foreign = true;

  constructor(peers: readonly string[]) {
    this.node = new HandNode(['n1', ...peers], [VIP]);
    for (const name of peers) {
      const peer = new HandPeer(this.node.leases, name);
      this.peers.set(name, peer);
      this.speaks.set(name, { contactAge: 100 });
    }
  }

  /** Lets time pass in steps of 10 ms: beats all 100 ms, heartbeats of who speaks every second. */
  pass(ms: number): void {
    for (const end = this.node.now + ms; this.node.now < end; this.node.now += 10) {
      if (this.node.now >= this.#beatAt) this.#beat();
      if (this.node.now >= this.#renewAt) this.#renew();
      this.node.witness = this.#report();
      if (this.api) this.node.settle();
      else this.#turnAlone();
    }
  }

  #renew(): void {
    this.#renewAt += renewInterval;
    if (!this.api) return;
    for (const [name, peer] of this.peers) if (this.speaks.has(name)) peer.beat(1);
  }

  #beat(): void {
    this.#beatAt += timing.beatInterval;
    for (const [name, words] of this.speaks) {
      const { contactAge = 0, ...said } = words;
      this.#heard.set(name, {
        id: `${name}/b/1`,
        heardAt: instant(this.node.now),
        contactAt: instant(this.node.now - contactAge),
        leaving: false,
        fences: [],
        suspects: [],
        hears: ['n1'],
        takeovers: [],
        ...said,
      });
    }
  }

  #report(): WitnessReport {
    const asOf = instant(this.node.now);
    if (this.foreign) {
      if (this.node.now - this.#foreignAt >= SILENCE) this.#unbrokenSince = this.node.now;
      this.#foreignAt = this.node.now;
    }
    const foreignAt = instant(this.#foreignAt);
    const unbrokenSince = instant(this.#unbrokenSince);
    return {
      links: new Map([['data0', { asOf, foreignAt, unbrokenSince, peers: new Map(this.#heard) }]]),
    };
  }

  /** Every request fails. */
  #turnAlone(): void {
    const { heartbeat, claims } = this.node.turn();
    if (heartbeat !== undefined) this.unanswered.push({ write: heartbeat, sentAt: this.node.now });
    for (const write of [heartbeat, claims]) {
      if (write !== undefined) this.node.answer(write, { kind: 'failed' });
    }
  }
}

/** Three nodes at work; n2 claims the VIP and n1 is next. */
function threeNodes(): Segment {
  const segment = new Segment(['n2', 'n3']);
  segment.peers.get('n2')?.claim(1, [VIP]);
  segment.peers.get('n3')?.claim(1, []);
  for (const peer of segment.peers.values()) peer.beat(1);
  segment.pass(6000);
  assert.equal(segment.node.state.phase, 'member');
  return segment;
}

/** n1 owns the VIP, n2 and n3 are there. */
function owner(peers: readonly string[] = ['n2', 'n3']): Segment {
  const segment = new Segment(peers);
  for (const peer of segment.peers.values()) {
    peer.claim(1, []);
    peer.beat(1);
  }
  segment.node.cordoned = false;
  segment.pass(6000);
  return segment;
}

function owns(segment: Segment): boolean {
  return segment.node.state.active.has(VIP);
}

test('4.4.1: of three, two that hear a silence fence it long before its lease runs out', () => {
  const segment = threeNodes();
  segment.speaks.delete('n2');
  segment.speaks.set('n3', { suspects: ['n2/b/1'] });
  segment.pass(SILENCE - 100);
  assert.equal(segment.node.state.verdicts.fences.size, 0, 'judges too early');
  segment.pass(250);
  assert.deepEqual([...segment.node.state.verdicts.fences], ['n2/b/1']);
});

test('4.4.1: of three, one alone fences nobody by its ears', () => {
  const segment = threeNodes();
  segment.speaks.delete('n2');
  segment.pass(takerPatience - 1100);
  assert.equal(segment.node.state.verdicts.fences.size, 0);
  assert.deepEqual(segment.node.turn().beat.suspects, ['n2/b/1'], 'does not say what it misses');
});

test('4.4.1: a node that hears nobody blames itself', () => {
  const segment = threeNodes();
  segment.speaks.clear();
  segment.pass(takerPatience - 1100);
  assert.equal(segment.node.state.verdicts.fences.size, 0);
});

test('4.4.1: of two, the survivor needs proof that its own ears work', () => {
  for (const foreign of [true, false]) {
    const segment = owner(['n2']);
    const other = segment.peers.get('n2');
    other?.claim(1, ['192.0.2.9']);
    segment.foreign = foreign;
    segment.speaks.delete('n2');
    segment.pass(SILENCE + 200);
    assert.equal(segment.node.state.verdicts.fences.size, foreign ? 1 : 0);
  }
});

test('4.4.1: of two, what the survivor heard more than 300 ms ago proves nothing', () => {
  const segment = owner(['n2']);
  // A lost contact: the verdict has to wait, and the proof grows old meanwhile.
  segment.api = false;
  segment.pass(1500);
  segment.speaks.delete('n2');
  segment.pass(300);
  segment.foreign = false;
  segment.pass(400);
  segment.api = true;
  segment.pass(1000);
  assert.equal(segment.node.state.verdicts.fences.size, 0);
});

test('4.4.1: of two, one that was deaf and hears again judges nobody by what it hears first', () => {
  const segment = owner(['n2']);
  segment.foreign = false;
  segment.speaks.delete('n2');
  segment.pass(1500);
  segment.foreign = true;
  segment.pass(500);
  assert.equal(segment.node.state.verdicts.fences.size, 0);
});

test('4.4.1: the wires ask for the other one of two, and for nobody where three live', () => {
  assert.deepEqual(
    whomToAsk(owner(['n2']).node.state).map(({ node }) => node),
    ['n2'],
  );
  assert.deepEqual(whomToAsk(owner(['n2', 'n3']).node.state), []);
});

test('4.4.2: who has fenced itself is dead without quorum', () => {
  const segment = threeNodes();
  segment.node.hear('n2/b/1', { kind: 'fence' });
  segment.pass(20);
  assert.deepEqual([...segment.node.state.verdicts.fences], ['n2/b/1']);
});

test('4.4: a fence on the own incarnation in a beat ends it', () => {
  const segment = owner();
  assert(owns(segment));
  segment.speaks.set('n2', { fences: ['n1/b/1'] });
  segment.pass(250);
  assert.equal(segment.node.state.incarnation, 2);
});

test('4.4.3: an owner holds while the API server is away for everybody it hears', () => {
  const segment = owner();
  segment.api = false;
  for (const name of segment.peers.keys()) segment.speaks.set(name, { contactAge: 60_000 });
  segment.pass(60_000);
  assert(owns(segment), 'gave up in an API outage');
  const { until, state } = segment.node.turn();
  assert.equal(state.phase, 'held');
  assert(until !== null && until > segment.node.now && until <= segment.node.now + 500);
  segment.api = true;
  for (const name of segment.peers.keys()) segment.speaks.set(name, { contactAge: 100 });
  segment.pass(2000);
  assert(owns(segment), 'moved once the API server was back');
  assert.equal(segment.node.state.phase, 'member');
  assert.equal(segment.node.state.incarnation, 1);
});

test('4.4.3: a held owner holds until its own heartbeat has come back, not only gone out', () => {
  const segment = owner();
  segment.api = false;
  for (const name of segment.peers.keys()) segment.speaks.set(name, { contactAge: 60_000 });
  segment.pass(5000);
  assert.equal(segment.node.state.phase, 'held');
  const { heartbeat } = segment.node.turn();
  segment.node.now += 100;
  const again = heartbeat ?? segment.node.turn().heartbeat;
  assert(again !== undefined);
  segment.node.carryOut(again);
  segment.node.turn();
  assert(owns(segment), 'lapsed because its renewal was acknowledged');
  assert.equal(segment.node.state.phase, 'held');
});

test('4.4.3: an owner whose peer is in contact is silent when its lease runs out, and then lapses', () => {
  const segment = owner();
  segment.api = false;
  segment.pass(holderPatience + 50);
  assert.equal(segment.node.turn().until, null);
  segment.pass(400);
  assert.equal(owns(segment), false);
});

test('4.4.3: a contact of a peer that could not be heard before counts from long ago: the hold is over at once', () => {
  const segment = owner(['n2']);
  segment.api = false;
  segment.speaks.set('n2', { contactAge: 60_000 });
  segment.pass(holderPatience);
  segment.speaks.delete('n2');
  segment.pass(1000);
  assert.equal(segment.node.state.phase, 'held', 'it hears nobody that is in contact');
  segment.speaks.set('n2', { contactAge: 100 });
  segment.pass(150);
  assert.equal(segment.node.state.phase, 'reading', 'n2 may have waited for takerPatience by now');
});

test('4.4.3: where the network swallows the witness, leases alone decide', () => {
  const segment = owner();
  segment.speaks.clear();
  for (const peer of segment.peers.values()) peer.beat(1);
  segment.pass(2 * renewInterval);
  segment.api = false;
  segment.pass(holderPatience + 100);
  assert.equal(owns(segment), false, 'holds without having heard anybody since its last contact');
});

test('4.4.4: an owner without contact asks for successors and answers until one is ready', () => {
  const segment = owner();
  segment.api = false;
  for (let waited = 0; segment.node.last?.beat.leaving !== true; waited += 50) {
    assert(waited < holderPatience, 'does not ask');
    segment.pass(50);
  }
  assert.equal(segment.node.state.phase, 'member');
  assert(owns(segment), 'no READY, no stop');
  segment.node.hear('n2/b/1', { kind: 'ready', to: 'n1/b/1', vips: [VIP], revision: 99n });
  const stop = segment.node.turn([VIP]);
  assert.equal(stop.active.size, 0);
  assert.equal(stop.tell.length, 0, 'says RELEASE while a wire may answer');
  const after = segment.node.turn([]);
  assert.deepEqual(
    after.tell.map(({ kind }) => kind),
    ['release'],
  );
  segment.pass(500);
  assert.equal(owns(segment), false);
});

test('4.4.4: an owner in contact does not stop for a READY', () => {
  const segment = owner();
  segment.node.hear('n2/b/1', { kind: 'ready', to: 'n1/b/1', vips: [VIP], revision: 99n });
  segment.pass(20);
  assert(owns(segment));
});

test('4.4.4: in an API outage nobody asks for successors', () => {
  const segment = owner();
  segment.api = false;
  const outage = segment.node.now;
  let asked = false;
  for (let i = 0; i < 50; i += 1) {
    const age = segment.node.now - outage + 100;
    for (const name of segment.peers.keys()) segment.speaks.set(name, { contactAge: age });
    segment.pass(100);
    asked ||= segment.node.last?.beat.leaving === true;
  }
  assert.equal(asked, false);
});

test('4.4.4: after an API outage an owner does not ask for successors because peers are back first', () => {
  const segment = owner();
  const { node } = segment;
  segment.api = false;
  const outage = node.now;
  for (let i = 0; i < 50; i += 1) {
    for (const name of segment.peers.keys()) {
      segment.speaks.set(name, { contactAge: node.now - outage + 100 });
    }
    segment.pass(100);
  }
  assert.equal(node.state.phase, 'held');
  // The first request of ours that etcd gets to after it stood still is one that we have long given up.
  const late = segment.unanswered.find(({ sentAt }) => node.now - sentAt < holderPatience - 500);
  assert(late !== undefined, 'it sent no heartbeat in the outage');
  node.leases.commit(late.write);
  node.watch();
  assert.equal(node.state.phase, 'member');
  for (const name of segment.peers.keys()) segment.speaks.set(name, { contactAge: 10 });
  segment.pass(200);
  assert.equal(node.last?.beat.leaving, false, 'peers that are back 200 ms earlier move its VIPs');
  segment.pass(500);
  assert.equal(node.last?.beat.leaving, true, 'now it is cut off, and they are not');
});

test('4.5: a RELEASE on the segment is a release at the barrier', () => {
  const segment = threeNodes();
  const peer = segment.peers.get('n2');
  peer?.claim(1, [VIP], [VIP]);
  segment.pass(50);
  const { claimedAt } = segment.node.state;
  assert(claimedAt.has(VIP), 'nobody claims what leaves');
  assert.equal(owns(segment), false, 'a leaving claim blocks until it is released');
  segment.node.hear('n2/b/1', { kind: 'release', vips: [VIP], upTo: peer?.write ?? 0 });
  assert(owns(segment), 'waits for more than the RELEASE');
});

test('0017: only a RELEASE of the tenure that ends says since when nobody has answered', () => {
  const segment = threeNodes();
  const { node } = segment;
  const peer = segment.peers.get('n2');
  const leave = () => {
    peer?.claim(1, [VIP], [VIP]);
    segment.pass(50);
  };
  leave();
  const releasedAt = node.now;
  node.hear('n2/b/1', { kind: 'release', vips: [VIP], upTo: peer?.write ?? 0 });
  assert.equal(node.state.silentSince.get(VIP), releasedAt);

  node.cordoned = true;
  peer?.claim(1, [VIP]);
  segment.pass(50);
  const to = node.last?.beat.sender ?? '';
  node.hear('n2/b/1', { kind: 'ready', to, vips: [VIP], revision: 0n });
  node.cordoned = false;
  segment.pass(2000);
  assert.equal(owns(segment), false, 'n2 has it again, under the same incarnation');

  leave();
  const before = node.now;
  peer?.claim(1, []);
  segment.pass(50);
  assert(owns(segment), 'a release in the Leases is one, too');
  const since = node.state.silentSince.get(VIP) ?? 0;
  assert(since >= before, `n2 answered until ${before}, and not until ${since}`);
});

test('0017: the write that carries a release out leaves its RELEASE in force', () => {
  const segment = threeNodes();
  const { node } = segment;
  const peer = segment.peers.get('n2');
  segment.pass(50);
  const releasedAt = node.now;
  node.hear('n2/b/1', { kind: 'release', vips: [VIP], upTo: peer?.write ?? 0 });
  peer?.claim(1, []);
  segment.pass(50);
  assert(owns(segment));
  assert.equal(node.state.silentSince.get(VIP), releasedAt);
});

test('0017: nobody knows until when a dead owner has answered: it may have been asked for its VIP', () => {
  const segment = threeNodes();
  const { node } = segment;
  segment.peers.get('n2')?.claim(1, [VIP], [VIP]);
  segment.pass(50);
  assert(node.state.claimedAt.has(VIP), 'n1 remembers requests, and n2 answers them');
  segment.speaks.delete('n2');
  segment.speaks.set('n3', { contactAge: 100, suspects: ['n2/b/1'] });
  const { now } = node;
  segment.pass(SILENCE + 200);
  assert(owns(segment), 'not taken over');
  assert((node.state.silentSince.get(VIP) ?? 0) > now, 'what n2 has answered is answered again');
});

test('4.5: a claim written after a RELEASE blocks again', () => {
  const segment = threeNodes();
  const peer = segment.peers.get('n2');
  peer?.claim(1, [VIP], [VIP]);
  const upTo = peer?.write ?? 0;
  peer?.claim(1, [VIP], [VIP]);
  segment.pass(50);
  segment.node.hear('n2/b/1', { kind: 'release', vips: [VIP], upTo });
  segment.pass(50);
  assert.equal(owns(segment), false);
});

test('4.5: a successor with its barrier done says READY to the owner that is to move', () => {
  const segment = threeNodes();
  segment.peers.get('n2')?.claim(1, [VIP], [VIP]);
  segment.pass(50);
  const [said] = segment.node.said;
  assert.equal(said?.kind, 'ready');
  assert(said?.kind === 'ready' && said.to === 'n2/b/1' && said.vips.includes(VIP));
  segment.pass(takerPatience);
  const { length } = segment.node.said;
  assert(length > 10, 'a READY that is lost is not said again');
  assert(length < takerPatience / 50, `said ${length} times`);
});

test('4.5: a cordoned owner answers until its successor has claimed', () => {
  const segment = owner();
  segment.node.cordoned = true;
  segment.pass(5000);
  assert(owns(segment), 'stops before anybody has claimed');
  const stored = segment.node.leases.list().claims.get('n1')?.record;
  assert.deepEqual([...(stored?.leaving ?? [])], [VIP], 'does not say that it is to move');
  segment.peers.get('n2')?.claim(1, [VIP]);
  segment.pass(30);
  assert(owns(segment), 'stops although the successor can say when it is ready');
  segment.node.hear('n2/b/1', { kind: 'ready', to: 'n1/b/1', vips: [VIP], revision: 99n });
  segment.pass(20);
  assert.equal(owns(segment), false);
  assert.equal(segment.node.leases.list().claims.get('n1')?.record.vips.size, 0);
});

test('G2: an owner that hears of a takeover in a later epoch stops', () => {
  const segment = owner();
  const epoch = (segment.node.state.active.get(VIP) ?? 0n) + 1n;
  segment.speaks.set('n2', { takeovers: [{ vip: VIP, epoch }] });
  segment.pass(110);
  assert.equal(owns(segment), false);
});
