import type { Instant } from '../instant.ts';
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

/** Proof that a link hears at all, if only two nodes are left: any foreign frame this recent. */
const FOREIGN_MS = 300;
/** So many peers that miss this node on a link have it treat the link as down. */
const MISSED_BY = 2;
/** From this many live incarnations on, the suspect included, one node's ears do not suffice. */
const QUORUM_OF_TWO_FROM = 3;

/** What the witness has told this node. */
export interface WitnessReport {
  readonly links: ReadonlyMap<LinkName, LinkHearing>;
  /** Highest incarnation number of ours that a wire gave up by itself, 0 if none. */
  readonly selfFenced: number;
}

interface Heard {
  readonly link: LinkHearing;
  readonly hearing: Hearing;
}

/** Every link's newest beat of the peer under its present incarnation. */
function heardOf(report: WitnessReport, node: NodeName, id: IncarnationId): Heard[] {
  const found: Heard[] = [];
  for (const link of report.links.values()) {
    const hearing = link.peers.get(node);
    if (hearing?.id === id) found.push({ link, hearing });
  }
  return found;
}

function isSilent({ link, hearing }: Heard, timing: Timing): boolean {
  return link.asOf - hearing.heardAt >= silencePatience(timing);
}

/** The newest audible beat of the peer, on whatever link; undefined if it is silent on all. */
export function audible(
  report: WitnessReport | undefined,
  node: NodeName,
  id: IncarnationId,
  timing: Timing,
): Hearing | undefined {
  if (report === undefined) return undefined;
  return heardOf(report, node, id)
    .filter((heard) => !isSilent(heard, timing))
    .map(({ hearing }) => hearing)
    .reduce<Hearing | undefined>(
      (best, each) => (best === undefined || each.heardAt > best.heardAt ? each : best),
      undefined,
    );
}

/** Audible beats of every node, whatever its Leases say of it: who has no API contact sees those late. */
function audibleBeats(report: WitnessReport, timing: Timing): Hearing[] {
  return [...report.links.values()].flatMap((link) =>
    [...link.peers.values()].filter((hearing) => !isSilent({ link, hearing }, timing)),
  );
}

/** When an audible peer had contact with the API server last, if that is recent enough to count. */
export function peerContactAt(
  report: WitnessReport | undefined,
  timing: Timing,
  now: Instant,
): Instant | undefined {
  if (report === undefined) return undefined;
  const times = audibleBeats(report, timing)
    .map(({ contactAt }) => contactAt)
    .filter((at) => at !== undefined && now - at < contactGap(timing));
  return times.length === 0 ? undefined : (Math.max(...times.map(Number)) as Instant);
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
  /** Of these, the ones of whom enough nodes say so; and whoever has fenced itself. */
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
  for (const [node, peer] of state.view) {
    if (standing(state.verdicts, peer) === 'dead' || peer.beat === DELETED) continue;
    const id = peer.identity;
    if (state.selfFenced.has(id)) silenced.add(id);
    const heard = heardOf(report, node, id);
    if (heard.length === 0 || !heard.every((each) => isSilent(each, state.timing))) continue;
    suspects.add(id);
    if (isAgreed(state, report, peer, heard, now)) silenced.add(id);
  }
  return suspects.size + silenced.size === 0 ? NO_SILENCE : { suspects, silenced };
}

/** Whether so many agree on the silence that it may be acted on (design 4.4.1). */
function isAgreed(
  state: ElectionState,
  report: WitnessReport,
  suspect: Peer,
  heard: readonly Heard[],
  now: Instant,
): boolean {
  let live = 1;
  let votes = 1;
  for (const [node, peer] of state.view) {
    if (standing(state.verdicts, peer) === 'dead' || !claimsCount(peer)) continue;
    live += 1;
    const beat = audible(report, node, peer.identity, state.timing);
    if (beat === undefined || peer === suspect) continue;
    const { suspects, fences } = beat;
    if (suspects.includes(suspect.identity) || fences.includes(suspect.identity)) votes += 1;
  }
  if (live >= QUORUM_OF_TWO_FROM) return votes >= 2;
  // Two are left. This one may be the deaf or the cut-off one: it has to prove that it is neither.
  const inContact = now - state.provenAt <= contactGap(state.timing);
  return inContact && heard.some(({ link }) => link.asOf - link.foreignAt <= FOREIGN_MS);
}

/** The peers that say on a link that they hear this node there: `<link>/<node>`. */
export function hearers(report: WitnessReport | undefined, self: NodeName): string[] {
  return [...(report?.links ?? [])].flatMap(([link, { peers }]) =>
    [...peers].filter(([, { hears }]) => hears.includes(self)).map(([node]) => `${link}/${node}`),
  );
}

/** The links without those on which two peers hear this node no more, who did hear it there before. */
export function heardLinks(
  state: ElectionState,
  links: readonly PublishedLink[],
  report: WitnessReport | undefined,
): readonly PublishedLink[] {
  if (report === undefined) return links;
  const { node } = state.self;
  return links.filter(({ name }) => {
    const link = report.links.get(name);
    if (link === undefined) return true;
    let missedBy = 0;
    for (const [peer, hearing] of link.peers) {
      if (isSilent({ link, hearing }, state.timing) || hearing.hears.includes(node)) continue;
      if (state.heardBy.has(`${name}/${peer}`)) missedBy += 1;
    }
    return missedBy < MISSED_BY;
  });
}
