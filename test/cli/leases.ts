import type { Claims, Heartbeat, LeaseCut, Stored } from '../../src/election/records.ts';
import { encodeLease } from '../../src/kube/lease-encode.ts';

const stamp = { bootId: 'b00', incarnation: 1, session: 's1', write: 1 };
const timing = { renewInterval: 1_000, holderPatience: 2_700, takerPatience: 3_000 };

/** A node's claims lease, as its agent would write it. */
export function claimsOf(node: string, vips: readonly string[], fences: string[] = []): Claims {
  const claim = { reason: 'first claim', from: undefined };
  return {
    kind: 'claims',
    ...stamp,
    node,
    vips: new Map(vips.map((vip) => [vip, claim])),
    leaving: new Set(),
    fences: new Set(fences),
    joined: 1,
    draining: false,
    mayHold: false,
    links: [],
  };
}

export function heartbeatOf(node: string): Heartbeat {
  return { kind: 'heartbeat', ...stamp, node };
}

/** A cut of these claims at one revision; every node has a heartbeat of the same age. */
export function cutOf(claims: readonly Claims[], revision = 1n): LeaseCut {
  const stored = <T>(record: T): Stored<T> => ({ record, revision });
  return {
    revision,
    heartbeats: new Map(claims.map(({ node }) => [node, stored(heartbeatOf(node))])),
    claims: new Map(claims.map((record) => [record.node, stored(record)])),
    unreadable: new Map(),
  };
}

/** The Leases as the API server lists them, written at this revision but for those of the dead. */
export function leaseListOf(
  records: readonly (Claims | Heartbeat)[],
  revision: number,
  dead: readonly string[] = [],
): string {
  const items = records.map((record) => {
    const context = {
      namespace: 'leasehold-system',
      nodeUid: 'u',
      timing,
      renewTime: '',
      conditions: [],
    };
    const lease = encodeLease(record, context);
    const written = dead.includes(record.node) ? 1 : revision;
    const system = { uid: `uid-${record.node}`, resourceVersion: String(written) };
    return { ...lease, metadata: { ...lease.metadata, ...system } };
  });
  return JSON.stringify({ metadata: { resourceVersion: String(revision) }, items });
}
