import type { Instant } from '../instant.ts';
import type { NodeName } from '../model.ts';
import {
  type Claims,
  type Heartbeat,
  type IncarnationId,
  incarnationId,
  type LeaseCut,
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
  readonly heartbeatRevision: bigint;
  /**
   * Its newest claims lease. Kept when the object is deleted: its writer may still be answering.
   * Undefined, while the heartbeat exists: nobody can tell what it claims.
   */
  readonly claims: Claims | undefined;
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

/** The same write at a new revision: not its writer's doing, and nobody can tell what it claims. */
function isEdited(known: Claims | undefined, record: Claims): boolean {
  return known?.session === record.session && known.write === record.write;
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
  return {
    identity: incarnationId(stored.record),
    incarnation: stored.record.incarnation,
    beat: `${stored.record.session}.${stored.record.write}`,
    seenAt: now,
    heartbeatRevision: stored.revision,
    claims: peer?.claims,
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
    const spoilt = peer && cut.unreadable.get(`claims/${claimant}`);
    if (peer === undefined || spoilt === undefined || spoilt <= peer.claimsRevision) return peer;
    return { ...peer, claims: undefined, claimsRevision: spoilt };
  }
  if (peer === undefined) {
    return {
      identity: incarnationId(stored.record),
      incarnation: stored.record.incarnation,
      beat: DELETED,
      seenAt: now,
      heartbeatRevision: cut.revision,
      claims: stored.record,
      claimsRevision: stored.revision,
    };
  }
  if (stored.revision <= peer.claimsRevision) return peer;
  const { record, revision } = stored;
  const claims = isEdited(peer.claims, record) ? undefined : record;
  const seen = { ...peer, claims, claimsRevision: revision };
  if (peer.beat !== DELETED || record.incarnation <= peer.incarnation) return seen;
  // The heartbeat of this incarnation came and went unseen: what was judged is the one before it.
  const identity = incarnationId(record);
  return { ...seen, identity, incarnation: record.incarnation, seenAt: now };
}
