import { FOREVER, type Instant, NEVER } from '../instant.ts';
import type {
  Hearing,
  IncarnationId,
  LinkHearing,
  LinkName,
  NodeName,
  PublishedLink,
} from '../model.ts';
import { incarnationId } from './records.ts';
import { type ElectionState, stamp } from './state.ts';
import { contactGap, silencePatience, type Timing } from './timing.ts';
import { standing } from './verdict.ts';
import { claimsCount, DELETED, type Peer } from './view.ts';

/** Proof that a link hears: a foreign frame so many beats after the silence began ... */
const FOREIGN_BEATS = 2;
/** ... and no more beats ago than this: 300 ms in `standard`. */
const PROOF_BEATS = 3;
/** A link on which nothing at all comes in for so long, while peers renew their Leases, is deaf. */
const DEAF_MS = 1000;
/** So many peers that miss this node on a link have it treat the link as down. */
const MISSED_BY = 2;
/** From this many live incarnations on, the suspect included, one node's ears do not suffice. */
export const QUORUM_OF_TWO_FROM = 3;

/** What the witness has told this node. */
export interface WitnessReport {
  readonly links: ReadonlyMap<LinkName, LinkHearing>;
}

interface Heard {
  readonly name: LinkName;
  readonly link: LinkHearing;
  readonly hearing: Hearing;
}

/** Every link's newest beat of the peer under its present incarnation. */
function heardOf(report: WitnessReport, node: NodeName, id: IncarnationId): Heard[] {
  const found: Heard[] = [];
  for (const [name, link] of report.links) {
    const hearing = link.peers.get(node);
    if (hearing?.id === id) found.push({ name, link, hearing });
  }
  return found;
}

function isSilent({ link, hearing }: Pick<Heard, 'link' | 'hearing'>, timing: Timing): boolean {
  return link.asOf - hearing.heardAt >= silencePatience(timing);
}

/** The newest audible beat of the peer, on whatever link; undefined if it is silent on all. */
export function audible(
  report: WitnessReport | undefined,
  node: NodeName,
  id: IncarnationId,
  timing: Timing,
): Hearing | undefined {
  let best: Hearing | undefined;
  for (const link of report?.links.values() ?? []) {
    const hearing = link.peers.get(node);
    if (hearing?.id !== id || isSilent({ link, hearing }, timing)) continue;
    if (best === undefined || hearing.heardAt > best.heardAt) best = hearing;
  }
  return best;
}

/** The audible peers that are in contact with the API server, with the time of their newest contact. */
export function peersInContact(
  report: WitnessReport,
  timing: Timing,
  now: Instant,
): ReadonlyMap<NodeName, Instant> {
  const found = new Map<NodeName, Instant>();
  for (const link of report.links.values()) {
    for (const [node, hearing] of link.peers) {
      const { contactAt } = hearing;
      if (contactAt === undefined || now - contactAt >= contactGap(timing)) continue;
      if (isSilent({ link, hearing }, timing) || contactAt <= (found.get(node) ?? NEVER)) continue;
      found.set(node, contactAt);
    }
  }
  return found;
}

/** Since when each peer has been audible without a break, as far as was looked: `<link>/<node>`. */
export function audibleSince(
  report: WitnessReport,
  before: ReadonlyMap<string, Instant>,
  timing: Timing,
): ReadonlyMap<string, Instant> {
  const since = new Map<string, Instant>();
  for (const [name, link] of report.links) {
    for (const [node, hearing] of link.peers) {
      if (isSilent({ link, hearing }, timing)) continue;
      const key = `${name}/${node}`;
      since.set(key, before.get(key) ?? hearing.heardAt);
    }
  }
  return since;
}

/** Since when each audible peer says no more that it hears this node, which it did: `<link>/<node>`. */
export function missedSince(
  state: ElectionState,
  report: WitnessReport,
  now: Instant,
): ReadonlyMap<string, Instant> {
  const since = new Map<string, Instant>();
  for (const [name, link] of report.links) {
    for (const [node, hearing] of link.peers) {
      if (hearing.hears.includes(state.self.node)) continue;
      const key = `${name}/${node}`;
      if (isSilent({ link, hearing }, state.timing) || !state.heardBy.has(key)) continue;
      since.set(key, state.missedSince.get(key) ?? now);
    }
  }
  return since;
}

/** The incarnations that are audible. */
export function audibleIds(
  report: WitnessReport | undefined,
  timing: Timing,
): ReadonlySet<IncarnationId> {
  return new Set(audibleBeats(report, timing).map(({ id }) => id));
}

/** The newest beat of every audible peer on every link, whatever its Leases say. */
export function audibleBeats(report: WitnessReport | undefined, timing: Timing): Hearing[] {
  const beats: Hearing[] = [];
  for (const link of report?.links.values() ?? []) {
    for (const hearing of link.peers.values()) {
      if (!isSilent({ link, hearing }, timing)) beats.push(hearing);
    }
  }
  return beats;
}

/** When any peer was heard last. */
export function lastHeardAt(report: WitnessReport | undefined): number {
  const times = [...(report?.links.values() ?? [])].flatMap((link) =>
    [...link.peers.values()].map((hearing) => hearing.heardAt),
  );
  return Math.max(Number.NEGATIVE_INFINITY, ...times);
}

/** Whether a peer says on the segment that our present incarnation is fenced. */
export function isFencedByBeat(state: ElectionState, report: WitnessReport | undefined): boolean {
  if (report === undefined) return false;
  const own = incarnationId(stamp(state, 0));
  for (const link of report.links.values()) {
    for (const hearing of link.peers.values()) if (hearing.fences.includes(own)) return true;
  }
  return false;
}

/** What this node thinks of peers by its ears. */
export interface Silence {
  /** Votes: silent on every link that has heard their present incarnation. */
  readonly suspects: ReadonlySet<IncarnationId>;
  /** Of these, the ones of whom enough nodes say so. */
  readonly silenced: ReadonlySet<IncarnationId>;
}

export const NO_SILENCE: Silence = { suspects: new Set(), silenced: new Set() };

/** Judges by the witness alone; a wire that is itself suspect judges nobody. */
export function silenceOf(
  state: ElectionState,
  report: WitnessReport | undefined,
  suspectSince: Instant | undefined,
  now: Instant,
): Silence {
  if (report === undefined || suspectSince !== undefined) return NO_SILENCE;
  const suspects = new Set<IncarnationId>();
  const silenced = new Set<IncarnationId>();
  const live = liveCount(state);
  for (const [node, peer] of state.view) {
    if (standing(state.verdicts, peer) === 'dead' || peer.beat === DELETED) continue;
    const id = peer.identity;
    const heard = heardOf(report, node, id);
    if (heard.length === 0 || !heard.every((each) => isSilent(each, state.timing))) continue;
    // A node that hears nobody blames itself, and says so of nobody else.
    if (!heard.some((each) => hearsOthers(state, each, live))) continue;
    suspects.add(id);
    if (isAgreed(state, report, { peer, heard, live }, now)) silenced.add(id);
  }
  return suspects.size + silenced.size === 0 ? NO_SILENCE : { suspects, silenced };
}

/** Incarnations that live as far as the Leases say, this one and suspects included. */
export function liveCount({ view, verdicts }: ElectionState): number {
  const peers = [...view.values()];
  return (
    1 + peers.filter((peer) => standing(verdicts, peer) !== 'dead' && claimsCount(peer)).length
  );
}

/** Whether so many agree on the silence that it may be acted on (design 4.4.1). */
function isAgreed(
  state: ElectionState,
  report: WitnessReport,
  { peer: suspect, heard, live }: { peer: Peer; heard: readonly Heard[]; live: number },
  now: Instant,
): boolean {
  if (live < QUORUM_OF_TWO_FROM) {
    // Two are left. This one may be the deaf or the cut-off one: it has to prove that it is neither.
    const inContact = now - state.provenAt <= contactGap(state.timing);
    return inContact && heard.some((each) => hasForeign(each, state.timing));
  }
  for (const [node, peer] of state.view) {
    if (peer === suspect || standing(state.verdicts, peer) === 'dead' || !claimsCount(peer))
      continue;
    // A voice that was away itself says nothing about who was away with it.
    if (!heard.some((each) => wasHeardThroughout(state, each, node))) continue;
    const beat = audible(report, node, peer.identity, state.timing);
    if (beat === undefined) continue;
    const { suspects, fences } = beat;
    if (suspects.includes(suspect.identity) || fences.includes(suspect.identity)) return true;
  }
  return false;
}

/** Whether a peer has been audible on the link ever since the silent one was heard there last. */
function wasHeardThroughout(
  { audibleSince }: ElectionState,
  { name, hearing }: Heard,
  node: NodeName,
): boolean {
  return (audibleSince.get(`${name}/${node}`) ?? FOREVER) <= hearing.heardAt;
}

/**
 * Whether our own ears have worked on a link since a peer was heard there last: somebody else was heard all
 * along. When the witness comes back after a gap, the first to be heard proves nothing about the others.
 */
function hearsOthers(state: ElectionState, silent: Heard, live: number): boolean {
  if (live < QUORUM_OF_TWO_FROM && hasForeign(silent, state.timing)) return true;
  return [...silent.link.peers.keys()].some((node) => wasHeardThroughout(state, silent, node));
}

/**
 * Whether anything else came in on the link well after the peer was heard there last, lately, and all along: when
 * a deaf link hears again, what it hears first proves nothing about the others.
 */
function hasForeign({ link, hearing }: Heard, { beatInterval }: Timing): boolean {
  if (link.asOf - link.foreignAt > PROOF_BEATS * beatInterval) return false;
  if (link.unbrokenSince > hearing.heardAt) return false;
  return link.foreignAt - hearing.heardAt >= FOREIGN_BEATS * beatInterval;
}

/** The peers that say on a link that they hear this node there: `<link>/<node>`. */
export function hearers(report: WitnessReport | undefined, self: NodeName): string[] {
  const found: string[] = [];
  for (const [link, { peers }] of report?.links ?? []) {
    for (const [node, { hears }] of peers) if (hears.includes(self)) found.push(`${link}/${node}`);
  }
  return found;
}

/**
 * The links on which this node can serve: not one on which two peers hear it no more, who did before, and
 * not one on which it hears nothing at all while the Leases say that others live there.
 */
export function heardLinks(
  state: ElectionState,
  links: readonly PublishedLink[],
  report: WitnessReport | undefined,
  now: Instant,
): readonly PublishedLink[] {
  if (report === undefined) return links;
  const heard = links.filter(({ name }) => {
    const link = report.links.get(name);
    return link === undefined || !(isMissed(state, name, now) || isDeaf(state, link));
  });
  return heard.length === links.length ? links : heard;
}

/** So long a peer may say no more that it hears this node before that counts, in ms. */
export function missedPatience(timing: Timing): number {
  return silencePatience(timing) + 2 * timing.beatInterval;
}

function isMissed(state: ElectionState, name: LinkName, now: Instant): boolean {
  const patience = missedPatience(state.timing);
  let missedBy = 0;
  for (const [key, since] of state.missedSince) {
    if (key.startsWith(`${name}/`) && now - since >= patience) missedBy += 1;
  }
  return missedBy >= MISSED_BY;
}

/** A node that dies takes its beats and its heartbeats along; one that goes on renewing is only unheard. */
function isDeaf({ view, timing }: ElectionState, link: LinkHearing): boolean {
  if (link.asOf - link.foreignAt < DEAF_MS) return false;
  let renewing = 0;
  for (const [node, hearing] of link.peers) {
    if (!isSilent({ link, hearing }, timing)) return false;
    const peer = view.get(node);
    if (peer !== undefined && peer.seenAt - hearing.heardAt >= DEAF_MS) renewing += 1;
  }
  return renewing >= MISSED_BY;
}
