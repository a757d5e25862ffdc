import { add, FOREVER, type Instant } from '../instant.ts';
import type {
  IncarnationId,
  LinkName,
  MacText,
  NodeName,
  ProbeAnswer,
  PublishedLink,
  Vip,
} from '../model.ts';
import { subnetContains } from '../net/ip.ts';
import type { Demand } from './eligible.ts';
import { incarnationId } from './records.ts';
import type { ElectionState } from './state.ts';
import { standing } from './verdict.ts';
import { claimsCount, type Peer } from './view.ts';

/** A wire that has not told by then has ended, or its link is gone: it is asked again. */
const LOST_MS = 2000;
/** The three rounds of a wire take longer for many VIPs: it sends two frames in a millisecond. */
const LOST_MS_PER_VIP = 2;
/** Whoever answered is asked again after so long. */
const AGAIN_MS = 5000;

/** VIPs to be asked for on a link, by RFC 5227 or RFC 4862: nobody's cache changes by it. */
export interface ProbeOrder {
  readonly token: number;
  readonly link: LinkName;
  readonly vips: readonly Vip[];
}

/** What a wire has found: every VIP of the order was asked for three times. */
export interface ProbeResult {
  readonly token: number;
  readonly link: LinkName;
  readonly answers: readonly ProbeAnswer[];
}

/** Who was asked for on the segment, and what came of it. */
export interface Probes {
  /** Number of the newest. */
  readonly token: number;
  readonly running: Running | undefined;
  readonly outcomes: ReadonlyMap<IncarnationId, Outcome>;
  /** VIPs for which somebody answers who is no live node: not claimed until nobody does. */
  readonly conflicts: ReadonlyMap<Vip, Conflict>;
  /** VIPs of such incarnations that no link of ours could ask for: not claimed before one has. */
  readonly unasked: ReadonlySet<Vip>;
}

export interface Answering {
  /** Nodes that go on answering though their leases ran out. */
  readonly holders: readonly NodeName[];
  readonly conflicts: Probes['conflicts'];
}

/** An incarnation that may be holding with nobody to hear it. */
export type Suspect = Pick<Peer, 'identity' | 'incarnation' | 'claims' | 'seenAt'>;

interface Running {
  readonly subjects: ReadonlySet<IncarnationId>;
  readonly vips: ReadonlySet<Vip>;
  /** VIPs of the subjects that lie in no subnet of ours. */
  readonly unasked: ReadonlySet<Vip>;
  readonly startedAt: Instant;
  readonly lostAt: Instant;
  /** Of which nothing was told yet. */
  readonly links: ReadonlySet<LinkName>;
  readonly answers: readonly ProbeAnswer[];
}

interface Outcome {
  readonly startedAt: Instant;
  readonly answered: boolean;
}

interface Conflict {
  readonly mac: MacText;
  readonly at: Instant;
}

export const NO_PROBES: Probes = {
  token: 0,
  running: undefined,
  outcomes: new Map(),
  conflicts: new Map(),
  unasked: new Set(),
};

/**
 * Incarnations that must not be called dead yet: they may be holding on with nobody to hear them, and were
 * not found silent on the segment since their heartbeat changed last (design 4.4.3). One that is silent
 * stays so: whoever has stopped answering without the API server begins again with it only. And of one that
 * has fenced itself there is no doubt.
 */
export function unsureOf({ view, probes, selfFenced }: ElectionState): ReadonlySet<IncarnationId> {
  const unsure = new Set<IncarnationId>();
  for (const peer of view.values()) {
    if (isUnsure(peer, probes) && !selfFenced.has(peer.identity)) unsure.add(peer.identity);
  }
  return unsure;
}

/** Whether this one must not be called dead yet. */
export function isUnsure(suspect: Suspect, { outcomes }: Probes): boolean {
  const outcome = outcomes.get(suspect.identity);
  const isSilent = outcome?.answered === false && outcome.startedAt >= suspect.seenAt;
  return mayHoldAlone(suspect) && !isSilent;
}

function mayHoldAlone({ claims, identity, incarnation }: Suspect): boolean {
  // Somebody deleted or edited them: nobody can tell what they said.
  if (claims === undefined || claims.incarnation < incarnation) return true;
  return claims.mayHold && incarnationId(claims) === identity;
}

/**
 * The incarnations that are dead for whoever goes on from here, too: not those of whose VIPs one is barred, which
 * he knows nothing of.
 */
export function knownDead({ view, verdicts, probes }: ElectionState): readonly IncarnationId[] {
  const known: IncarnationId[] = [];
  for (const peer of view.values()) {
    if (standing(verdicts, peer) !== 'dead' || !claimsCount(peer)) continue;
    if (peer.claims.vips.keys().some((vip) => isBarred(probes, vip))) continue;
    known.push(peer.identity);
  }
  return known;
}

/** Whether somebody answers for the VIP on the segment, or may do so on one that was not asked. */
export function isBarred({ conflicts, unasked }: Probes, vip: Vip): boolean {
  return conflicts.has(vip) || unasked.has(vip);
}

/**
 * The state without conflicts that are none: nobody asks for the VIP any more, or it was a live node of which
 * the Leases told later than it answered.
 */
export function withoutSettled(state: ElectionState, { vips }: Demand): ElectionState {
  const { probes } = state;
  const stands = ([vip, { mac }]: [Vip, Conflict]) => vips.has(vip) && !isOfLive(state, mac);
  const conflicts = [...probes.conflicts].filter(stands);
  if (conflicts.length === probes.conflicts.size) return state;
  return { ...state, probes: { ...probes, conflicts: new Map(conflicts) } };
}

/** The probes that are due: of whom only they keep from being called dead, and of old conflicts. */
export function withProbes(
  state: ElectionState,
  { demand, links }: { readonly demand: Demand; readonly links: readonly PublishedLink[] },
  now: Instant,
): { state: ElectionState; orders: readonly ProbeOrder[] } {
  const idle = { state, orders: [] };
  const { running, outcomes, conflicts, unasked } = state.probes;
  if (running !== undefined && now < running.lostAt) return idle;
  const doubted = doubtedOf(state, now);
  if (doubted === undefined) return idle;
  const subjects = doubted.filter(({ identity }) => {
    const outcome = outcomes.get(identity);
    return outcome?.answered !== true || now >= add(outcome.startedAt, AGAIN_MS);
  });
  const isOurs = (vip: Vip) => state.active.has(vip);
  const theirs = new Set(
    subjects.flatMap((peer) => vipsOf(peer, demand)).filter((vip) => !isOurs(vip)),
  );
  const canAsk = (vip: Vip) => links.some((link) => isOn(link, vip));
  const old = [...conflicts].filter(([, { at }]) => now >= add(at, AGAIN_MS)).map(([vip]) => vip);
  const due = [...old, ...unasked].filter((vip) => !isOurs(vip) && canAsk(vip));
  if (subjects.length + due.length === 0) return idle;
  const isWanted = theirs.values().some((vip) => demand.vips.has(vip));
  if (links.length === 0 && (state.phase === 'member' || isWanted)) return idle;
  const vips = new Set([...[...theirs].filter(canAsk), ...due]);
  const token = state.probes.token + 1;
  const orders = links.map((link) => ({
    token,
    link: link.name,
    vips: [...vips].filter((vip) => isOn(link, vip)),
  }));
  const next: Running = {
    subjects: new Set(subjects.map(({ identity }) => identity)),
    vips,
    unasked: theirs.difference(vips),
    startedAt: now,
    lostAt: add(now, LOST_MS + LOST_MS_PER_VIP * vips.size),
    links: new Set(links.map(({ name }) => name)),
    answers: [],
  };
  const begun = { ...state, probes: { ...state.probes, token, running: next } };
  return { state: links.length === 0 ? withOutcome(begun, next, now) : begun, orders };
}

/** Of whom is to be found out whether they hold: of nobody yet, but for a namesake, by who is no member. */
function doubtedOf(state: ElectionState, now: Instant): readonly Suspect[] | undefined {
  const { phase, namesake, verdicts, view, timing, probes } = state;
  if (phase === 'member') {
    return [...view.values()].filter(({ identity }) => verdicts.doubted.has(identity));
  }
  if (phase !== 'reading' || namesake === undefined || !isUnsure(namesake, probes))
    return undefined;
  // Before, an echo may still settle a suspicion of its wires, and it begins to answer again.
  return now < add(namesake.seenAt, timing.takerPatience) ? undefined : [namesake];
}

function isOn({ subnets }: PublishedLink, vip: Vip): boolean {
  return subnets.some((subnet) => subnetContains(subnet, vip));
}

function vipsOf({ claims, incarnation }: Suspect, demand: Demand): Vip[] {
  if (claims === undefined || claims.incarnation < incarnation) return [...demand.vips.keys()];
  return [...claims.vips.keys()];
}

/** When something is to be asked again. */
export function probeAt({ probes, verdicts }: ElectionState): Instant {
  const { running, outcomes, conflicts } = probes;
  if (running !== undefined) return running.lostAt;
  let at: number = FOREVER;
  for (const id of verdicts.doubted) {
    const outcome = outcomes.get(id);
    if (outcome?.answered === true) at = Math.min(at, add(outcome.startedAt, AGAIN_MS));
  }
  for (const conflict of conflicts.values()) at = Math.min(at, add(conflict.at, AGAIN_MS));
  return at as Instant;
}

/** The state after a wire has told what it found. */
export function probed(
  state: ElectionState,
  { token, link, answers }: ProbeResult,
  now: Instant,
): ElectionState {
  const { probes } = state;
  const { running } = probes;
  if (running === undefined || token !== probes.token || !running.links.has(link)) return state;
  const links = running.links.difference(new Set([link]));
  const next = { ...running, links, answers: [...running.answers, ...answers] };
  if (links.size > 0) return { ...state, probes: { ...probes, running: next } };
  return withOutcome(state, next, now);
}

/** The state after all that was asked for is known; who waits for a namesake may join now. */
function withOutcome(state: ElectionState, running: Running, now: Instant): ElectionState {
  const isAwaited = state.phase === 'reading' && state.namesake !== undefined;
  const nextListAt = isAwaited ? now : state.nextListAt;
  return { ...state, nextListAt, probes: concluded(state, running, now) };
}

/** What keeps this node from taking VIPs over: somebody answers for them on the segment. */
export function answering({ view, verdicts, probes }: ElectionState): Answering {
  const holders = [...view]
    .filter(([, { identity }]) => verdicts.doubted.has(identity))
    .filter(([, { identity }]) => probes.outcomes.get(identity)?.answered === true)
    .map(([node]) => node);
  return { holders, conflicts: probes.conflicts };
}

function concluded(state: ElectionState, running: Running, now: Instant): Probes {
  const { startedAt, answers } = running;
  const outcomes = new Map<IncarnationId, Outcome>();
  const conflicts = new Map(state.probes.conflicts);
  for (const vip of running.vips) conflicts.delete(vip);
  const present = [...state.view.values()];
  const known: Suspect[] = state.namesake === undefined ? present : [...present, state.namesake];
  const suspects = known.filter(({ identity }) => running.subjects.has(identity));
  for (const { identity } of known) {
    const before = state.probes.outcomes.get(identity);
    if (before !== undefined) outcomes.set(identity, before);
  }
  for (const suspect of suspects) {
    const answered = answers.some(({ mac }) => hasMac(suspect, mac));
    outcomes.set(suspect.identity, { startedAt, answered });
  }
  for (const { vip, mac } of answers) {
    // Of a suspect that answers the claim stands.
    if (isOfLive(state, mac) || suspects.some((peer) => hasMac(peer, mac))) continue;
    conflicts.set(vip, { mac, at: now });
  }
  const unasked = state.probes.unasked.difference(running.vips).union(running.unasked);
  return { ...state.probes, running: undefined, outcomes, conflicts, unasked };
}

/** A live node answers for what it claims, or has claimed until a moment ago: its Leases tell. */
function isOfLive({ view, verdicts }: ElectionState, mac: MacText): boolean {
  return view
    .values()
    .some((peer) => standing(verdicts, peer) === 'live' && claimsCount(peer) && hasMac(peer, mac));
}

function hasMac({ claims }: Pick<Peer, 'claims'>, mac: MacText): boolean {
  return claims?.links.some((link) => link.mac === mac) === true;
}
