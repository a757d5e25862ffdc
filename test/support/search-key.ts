import type { Claims, Heartbeat, LeaseCut, Stored } from '../../src/election/records.ts';
import type { Attempt, Register } from '../../src/election/register.ts';
import type { ClaimsContent, ElectionState } from '../../src/election/state.ts';
import type { Peer } from '../../src/election/view.ts';
import type { Instant } from '../../src/instant.ts';
import type { SearchNode } from './search-node.ts';
import { joined, type Shape, ShapeWriter } from './search-shape.ts';
import { messageOf, utteranceOf, wireOf } from './search-wire-key.ts';
import { type SearchRequest, type SearchWorld, timeOf, VIP } from './search-world.ts';
import { SEND_DELAY_MS } from './sim-wire.ts';

type Writer = ShapeWriter;
type Fields<T> = { readonly [K in keyof T]-?: (to: Writer, value: T[K], whole: T) => void };

/** Of no consequence for what happens from now on, for the reason given. */
const nothing = () => {};
const flag = (to: Writer, value: string | number | boolean | undefined) => to.text(value);
const time = (to: Writer, value: Instant | undefined | null) => to.time(value);
const due = (to: Writer, value: Instant) => to.due(value);
const names = (to: Writer, value: Iterable<string>) => to.set(value);
const times = (to: Writer, value: ReadonlyMap<string, Instant>) =>
  to.map(value, (at) => to.time(at));
const epochs = (to: Writer, value: ReadonlyMap<string, bigint>) =>
  to.map(value, (epoch) => to.rank('e', epoch));

function write(to: Writer, { self }: ElectionState, value: number | undefined): void {
  to.rank(`w${self.node}${self.session}`, value);
}

/** Every field of the state: one that is added to it does not compile until it has a place here. */
const STATE: Fields<ElectionState> = {
  self: (to, { bootId, session }) => to.text(`${bootId}${session}`),
  timing: nothing,
  phase: flag,
  incarnation: flag,
  joined: flag,
  draining: flag,
  write: (to, value, state) => write(to, state, value),
  heartbeat: (to, value, state) => register(to, value, state, `h${state.self.node}`, nothing),
  claims: (to, value, state) =>
    register(to, value, state, `c${state.self.node}`, (attempt) => content(to, attempt.content)),
  nextHeartbeatAt: due,
  nextClaimsAt: due,
  nextListAt: due,
  unseenSince: time,
  listing: (to, value, state) => {
    to.text(value === undefined);
    write(to, state, value?.token);
    write(to, state, value?.forWrite);
    to.set(value?.published ?? []);
    to.time(value?.beganAt);
  },
  barrier: (to, value, state) => write(to, state, value),
  barrierRevision: (to, value) => to.rank('e', value),
  authUntil: time,
  provenAt: time,
  contactAt: time,
  shownSince: time,
  mayHoldSince: time,
  heldUntil: due,
  peerContactAt: time,
  peerContactSince: time,
  audibleSince: times,
  missedSince: times,
  heardBy: names,
  selfFenced: names,
  released: (to, value) =>
    to.map(value, (vips, id) =>
      to.map(vips, ({ upTo, session }) =>
        to.write(id.slice(0, id.indexOf('/')), `${session}.${upTo}`),
      ),
    ),
  quietUntil: time,
  inherits: flag,
  namesake: (to, value) => {
    to.text(`${value?.bootId}${value?.trace}${value?.isAlive}`);
    to.time(value?.seenAt);
  },
  firstMemberAt: time,
  // A LIST is linearizable here: its revision is never lower than anything heard of.
  newest: nothing,
  wentBack: flag,
  view: (to, value) => to.map(value, (peer, node) => peerOf(to, peer, node)),
  probes: (to, { running, outcomes, conflicts }) => {
    to.time(running?.startedAt);
    to.set(running?.subjects ?? []);
    to.map(outcomes, ({ startedAt, answered }) => {
      to.time(startedAt);
      to.text(answered);
    });
    to.map(conflicts, ({ mac, at }) => {
      to.text(mac);
      to.time(at);
    });
  },
  verdicts: (to, { provisional, bySilence, dead, doubted, fences }) => {
    to.map(provisional, (beat, id) => to.write(id.slice(0, id.indexOf('/')), beat));
    for (const set of [bySilence, dead, doubted, fences]) to.set(set);
  },
  wanted: (to, value) => to.map(value, ({ from }) => to.text(from)),
  leaving: (to, value) =>
    to.map(value, ({ reason, since, claimedSince }) => {
      to.text(reason);
      to.time(since);
      to.time(claimedSince);
    }),
  yielded: (to, value) => to.map(value, ({ at }) => to.time(at)),
  voidUpTo: (to, value, state) => to.map(value, (number) => write(to, state, number)),
  fencedAt: times,
  stopping: names,
  readyAt: times,
  // Which requests are answered again: no frames of clients are in this world.
  silentSince: nothing,
  takenAt: times,
  // Failback alone asks for these, and no node is here for a minute.
  moveTimes: nothing,
  failbackAt: nothing,
  claimedAt: (to, value, state) => to.map(value, (number) => write(to, state, number)),
  active: epochs,
  lastClaimants: (to, value) => to.map(value, (node) => to.text(node)),
  ring: (to, { nodes }) => to.set(nodes),
  // For people.
  moves: nothing,
  lapsed: nothing,
};
const STATE_FIELDS = Object.entries(STATE) as [keyof ElectionState, unknown][];

/** A text that two worlds share if they behave alike from now on; the faults left are not in it. */
export function keyOf(world: SearchWorld): string {
  const now = timeOf(world);
  return joined([...world.nodes.map((node) => shapeOf(node, now)), rest(world, now)]);
}

/** Whether two values of a node behave alike. */
export function isSameNode(a: SearchNode, b: SearchNode, now: Instant): boolean {
  return joined([shapeOf(a, now)]) === joined([shapeOf(b, now)]);
}

const shapes = new WeakMap<SearchNode, { readonly now: Instant; readonly shape: Shape }>();

function shapeOf(node: SearchNode, now: Instant): Shape {
  const known = shapes.get(node);
  if (known?.now === now) return known.shape;
  const to = new ShapeWriter(now);
  to.text(node.life);
  if (node.life !== 'dead') writeNode(to, node, now);
  const shape = to.shape();
  shapes.set(node, { now, shape });
  return shape;
}

function writeNode(to: Writer, node: SearchNode, now: Instant): void {
  to.text(node.boot);
  to.text(node.process);
  if (node.life === 'boots') return;
  to.text(node.watch);
  to.text(node.looks);
  to.text(node.begun);
  if (node.life !== 'running') to.time(node.stoppedAt);
  to.time(node.permittedAt);
  to.text(node.words);
  to.text(`${node.probe?.rounds}${node.probe?.vips}`);
  to.set(node.probe?.answers ?? []);
  const { state } = node;
  for (const [field, emit] of STATE_FIELDS) {
    if (typeof emit === 'function') emit(to, state[field], state);
    to.text('|');
  }
  wireOf(to, node.wire, now);
  if (node.ghost !== undefined) wireOf(to, node.ghost, now);
  for (const frame of node.socket) messageOf(to, frame);
  for (const { from, utterance } of node.untold) {
    to.text(from);
    utteranceOf(to, utterance, from);
  }
}

function rest(world: SearchWorld, now: Instant): Shape {
  const to = new ShapeWriter(now);
  const { oracle, leases, requests, frames } = world;
  to.rank('e', leases.revision);
  to.map(leases.objects, ({ stored }) => stored_(to, stored));
  for (const node of world.nodes) to.text(node.shown < leases.revision);
  for (const request of requests.toSorted(inOrder)) requestOf(to, request);
  for (const { from, to: receiver, message } of frames) {
    to.text(`${from}>${receiver}`);
    messageOf(to, message);
  }
  to.map(oracle.claims, ({ id, write, vips }, node) => {
    to.text(id);
    const number = oracle.released.get(id)?.get(VIP) ?? 0;
    to.text(write > number);
    to.set(vips);
    to.text(node);
  });
  const entitled = [...oracle.entitledUntil].filter(([, until]) => until + SEND_DELAY_MS > now);
  to.map(new Map(entitled), (until) => to.time(until));
  to.map(oracle.written, (incarnation) => to.text(incarnation));
  to.text(oracle.last?.node);
  to.rank('e', oracle.last?.epoch);
  return to.shape();
}

function inOrder(a: SearchRequest, b: SearchRequest): number {
  return textOf(a) < textOf(b) ? -1 : 1;
}

function textOf({ node, process, what }: SearchRequest): string {
  return 'token' in what
    ? `${node}${process}list${what.token}`
    : `${node}${process}${what.record.kind}${what.record.write}`;
}

function requestOf(to: Writer, { node, process, sentAt, what, answer, ...flags }: SearchRequest) {
  to.text(`${node}/${process}`);
  to.time(sentAt);
  to.text(`${flags.late}${flags.lost}${flags.awaited}`);
  if ('token' in what) to.rank(`w${node}${process}`, what.token);
  else {
    to.rank(`${what.record.kind === 'heartbeat' ? 'h' : 'c'}${node}`, what.base);
    recordOf(to, what.record);
  }
  if (answer === undefined) to.text('under way');
  else if ('heartbeats' in answer) cutOf(to, answer);
  else {
    to.text(answer.kind);
    const group = 'record' in what && what.record.kind === 'heartbeat' ? 'h' : 'c';
    if (answer.kind === 'committed') to.rank(`${group}${node}`, answer.revision);
  }
}

function cutOf(to: Writer, cut: LeaseCut): void {
  to.rank('e', cut.revision);
  to.map(cut.heartbeats, (each) => stored_(to, each));
  to.map(cut.claims, (each) => stored_(to, each));
}

function stored_(to: Writer, { record, revision }: Stored<Heartbeat | Claims>): void {
  to.rank(`${record.kind === 'heartbeat' ? 'h' : 'c'}${record.node}`, revision);
  recordOf(to, record);
}

function recordOf(to: Writer, record: Heartbeat | Claims): void {
  const { node, bootId, session, incarnation, write } = record;
  to.text(`${record.kind}${node}/${bootId}/${session}/${incarnation}`);
  to.rank(`w${node}${session}`, write);
  if (record.kind === 'claims') content(to, record);
}

function content(to: Writer, claims: ClaimsContent) {
  const { vips, leaving, fences, joined, draining, mayHold, links } = claims;
  to.map(vips, ({ from }) => to.text(from));
  to.set(leaving);
  to.set(fences);
  to.text(`${joined}${draining}${mayHold}${links.length}`);
}

function register<T>(
  to: Writer,
  { base, attempts, inFlight, committed, seen, refused }: Register<T>,
  state: ElectionState,
  group: string,
  each: (attempt: Attempt<T>) => void,
): void {
  to.rank(group, base);
  for (const number of [inFlight, committed, seen]) write(to, state, number);
  to.text(refused);
  // Older attempts than the newest that committed are never asked for again: their revision has passed.
  for (const [number, attempt] of attempts) {
    if (number < committed) continue;
    write(to, state, number);
    to.time(attempt.sentAt);
    each(attempt);
  }
}

function peerOf(to: Writer, peer: Peer, node: string): void {
  to.text(peer.identity);
  to.text(peer.incarnation);
  to.write(node, peer.beat);
  to.time(peer.seenAt);
  to.text(peer.wasAlive);
  to.rank(`h${node}`, peer.heartbeatRevision);
  to.rank(`c${node}`, peer.claimsRevision);
  to.write(node, peer.claimsWrite);
  if (peer.claims !== undefined) recordOf(to, peer.claims);
}
