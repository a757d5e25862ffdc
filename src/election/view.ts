import type { Instant } from '../instant.ts';
import type { IncarnationId, NodeName } from '../model.ts';
import {
  type Claims,
  type Heartbeat,
  incarnationId,
  type LeaseCut,
  type LeaseStamp,
  type Stored,
} from './records.ts';

/** What this node has seen of another one's Leases. */
export interface Peer {
  readonly identity: IncarnationId;
  readonly incarnation: number;
  /** Changes with every write of the heartbeat; `deleted` once the object is gone. */
  readonly beat: string;
  /** Our time when `beat` last changed: the only clock that a verdict may use. */
  readonly seenAt: Instant;
  /** Whether its beat ever changed while we watched: else its Leases may be those of long ago. */
  readonly wasAlive: boolean;
  /** Since when its present incarnation has been there, as far as we saw. */
  readonly aliveSince: Instant;
  readonly heartbeatRevision: bigint;
  /**
   * Its newest claims lease. Undefined if that was deleted, spoilt or edited: its writer may still be
   * answering, and nobody can tell for what.
   */
  readonly claims: Claims | undefined;
  /** Session and number of the newest claims write seen, readable or not: it is its writer's but once. */
  readonly claimsWrite: string;
  readonly claimsRevision: bigint;
}

export type View = ReadonlyMap<NodeName, Peer>;

/** The beat of a peer whose heartbeat lease does not exist. */
export const DELETED = 'deleted';

/**
 * The view after a cut, `self` left out. I7: nothing is accepted at a revision lower than one already
 * seen for the same object, so an older cut (a watch behind a LIST) changes nothing that is newer.
 */
export function observe(view: View, cut: LeaseCut, self: NodeName, now: Instant): View {
  const next = new Map<NodeName, Peer>();
  for (const node of new Set([...view.keys(), ...cut.heartbeats.keys(), ...cut.claims.keys()])) {
    if (node === self) continue;
    const withBeat = withHeartbeat(view.get(node), cut.heartbeats.get(node), cut, now);
    const peer = withClaims(withBeat, node, cut, now);
    if (peer !== undefined) next.set(node, peer);
  }
  return next;
}

/** The view with every patience started anew: after a gap in our own contact nothing older counts (I6). */
export function restarted(view: View, now: Instant): View {
  return new Map([...view].map(([node, peer]) => [node, { ...peer, seenAt: now }]));
}

/** Whether the peer's claims are those of its present incarnation; others are void (I5). */
export function claimsCount(peer: Peer): peer is Peer & { readonly claims: Claims } {
  return peer.claims !== undefined && incarnationId(peer.claims) === peer.identity;
}

/**
 * Whether the peer's claims are those of its present incarnation or of the next: claims are written
 * before the first heartbeat of theirs.
 */
export function claimsStand(peer: Peer): peer is Peer & { readonly claims: Claims } {
  if (claimsCount(peer)) return true;
  const { claims, identity, incarnation } = peer;
  if (claims === undefined || claims.incarnation <= incarnation) return false;
  return identity.startsWith(`${claims.node}/${claims.bootId}/`);
}

function writeOf({ session, write }: LeaseStamp): string {
  return `${session}.${write}`;
}

/** Whether a write comes after the one with that text; those of two processes are not compared. */
function isNewer({ session, write }: LeaseStamp, seen: string): boolean {
  const prefix = `${session}.`;
  return !seen.startsWith(prefix) || write > Number(seen.slice(prefix.length));
}

function withHeartbeat(
  peer: Peer | undefined,
  stored: Stored<Heartbeat> | undefined,
  cut: LeaseCut,
  now: Instant,
): Peer | undefined {
  if (stored === undefined) {
    if (peer === undefined || peer.beat === DELETED || cut.revision < peer.heartbeatRevision) {
      return peer;
    }
    return { ...peer, beat: DELETED, seenAt: now, heartbeatRevision: cut.revision };
  }
  if (peer !== undefined && stored.revision <= peer.heartbeatRevision) return peer;
  const identity = incarnationId(stored.record);
  return {
    identity,
    incarnation: stored.record.incarnation,
    beat: writeOf(stored.record),
    seenAt: now,
    wasAlive: peer !== undefined,
    aliveSince: peer?.identity === identity ? peer.aliveSince : now,
    heartbeatRevision: stored.revision,
    claims: peer?.claims,
    claimsWrite: peer?.claimsWrite ?? '',
    claimsRevision: peer?.claimsRevision ?? 0n,
  };
}

function withClaims(
  peer: Peer | undefined,
  claimant: NodeName,
  cut: LeaseCut,
  now: Instant,
): Peer | undefined {
  const stored = cut.claims.get(claimant);
  if (stored === undefined) {
    // Spoilt or deleted: what it held last may never have been seen here.
    const lostAt = cut.unreadable.get(`claims/${claimant}`) ?? cut.revision;
    if (peer === undefined || lostAt <= peer.claimsRevision) return peer;
    return { ...peer, claims: undefined, claimsRevision: lostAt };
  }
  if (peer === undefined) {
    return {
      identity: incarnationId(stored.record),
      incarnation: stored.record.incarnation,
      beat: DELETED,
      seenAt: now,
      wasAlive: false,
      aliveSince: now,
      heartbeatRevision: cut.revision,
      claims: stored.record,
      claimsWrite: writeOf(stored.record),
      claimsRevision: stored.revision,
    };
  }
  if (stored.revision <= peer.claimsRevision) return peer;
  const { record, revision } = stored;
  const claimsWrite = writeOf(record);
  // An older write at a new revision, or the same: not its writer's doing, and nobody can tell what it claims.
  const claims = isNewer(record, peer.claimsWrite) ? record : undefined;
  const seen = { ...peer, claims, claimsWrite, claimsRevision: revision };
  if (peer.beat !== DELETED || record.incarnation <= peer.incarnation) return seen;
  // The heartbeat of this incarnation came and went unseen: what was judged is the one before it.
  const identity = incarnationId(record);
  return { ...seen, identity, incarnation: record.incarnation, seenAt: now };
}
