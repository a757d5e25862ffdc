import type { Claims, Heartbeat, LeaseCut, LeaseKey, Stored } from '../election/records.ts';
import type { NodeName } from '../model.ts';
import type { ApiFailure } from './answer.ts';
import { failure } from './answer.ts';
import type { KubeApi } from './api.ts';
import { type Decoded, isRecord, keyOf, revisionOf } from './json.ts';
import { decodeLease, type LeaseItem } from './lease-decode.ts';
import { LEASE_LABEL, type LeaseManifest } from './lease-encode.ts';
import type { Resource } from './resources.ts';

/**
 * `conflict`: the stored object is not the one that we built upon. A failure of kind `timeout` may
 * yet be carried out.
 */
export type LeaseWrite =
  | { readonly kind: 'written'; readonly revision: bigint }
  | { readonly kind: 'conflict'; readonly message: string }
  | { readonly kind: 'failed'; readonly failure: ApiFailure };

export type LeaseList =
  | { readonly kind: 'listed'; readonly cut: LeaseCut }
  | { readonly kind: 'failed'; readonly failure: ApiFailure };

export interface LeaseCall {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** A Lease by its name that cannot be read: the election has to know that it exists. */
export interface UnreadableLease {
  readonly unreadable: LeaseKey;
  readonly revision: bigint;
  readonly reason: string;
}

export type LeaseEntry = LeaseItem | UnreadableLease;

const KIND_OF_PREFIX: Readonly<Record<string, 'heartbeat' | 'claims'>> = {
  hb: 'heartbeat',
  claims: 'claims',
};

const SELECTOR = `${LEASE_LABEL} in (heartbeat,claims)`;

/** The Leases of the election, for a store. */
export function electionLeases(namespace: string): Resource<LeaseEntry> {
  return {
    name: 'leases.coordination.k8s.io',
    path: pathOf(namespace),
    query: { labelSelector: SELECTOR },
    decode: decodeEntry,
  };
}

/**
 * Everything that was committed before this call, at one revision: the read barrier of the
 * protocol.
 */
export async function listLeases(
  api: KubeApi,
  namespace: string,
  call: LeaseCall,
): Promise<LeaseList> {
  // Without a resourceVersion the server must answer with etcd's latest state. Without the selector, a
  // Lease whose label somebody removed is still seen: its writer restores it, the others know of it.
  const answer = await api.request({ path: pathOf(namespace), lane: 'lease', ...call });
  if (!answer.ok) return { kind: 'failed', failure: answer };
  const items = isRecord(answer.body) ? answer.body['items'] : undefined;
  if (!Array.isArray(items) || revisionOf(answer.body) === 0n) {
    return { kind: 'failed', failure: failure('server-error', 'the answer is no list') };
  }
  const leases = items.flatMap((raw): LeaseEntry[] => {
    const lease = decodeEntry(raw);
    return lease.ok ? [lease.value] : [];
  });
  return { kind: 'listed', cut: leaseCut(leases, revisionOf(answer.body)) };
}

/** What somebody has made unreadable still counts: its writer may be answering for anything. */
function decodeEntry(raw: unknown): Decoded<LeaseEntry> {
  const lease = decodeLease(raw);
  if (lease.ok) return lease;
  const name = keyOf(raw).replace(/^.*\//, '');
  const [prefix = '', ...rest] = name.split('.');
  const kind = KIND_OF_PREFIX[prefix];
  if (kind === undefined) return lease;
  const unreadable: LeaseKey = `${kind}/${rest.join('.')}`;
  return {
    ok: true,
    value: { unreadable, revision: revisionOf(raw), reason: lease.error.message },
  };
}

/** The state of the election that these Leases are at this revision. */
export function leaseCut(items: Iterable<LeaseEntry>, revision: bigint): LeaseCut {
  const heartbeats = new Map<NodeName, Stored<Heartbeat>>();
  const claims = new Map<NodeName, Stored<Claims>>();
  const unreadable = new Map<LeaseKey, bigint>();
  for (const item of items) {
    const { revision } = item;
    if ('unreadable' in item) unreadable.set(item.unreadable, revision);
    else if (item.record.kind === 'heartbeat') {
      heartbeats.set(item.record.node, { record: item.record, revision });
    } else claims.set(item.record.node, { record: item.record, revision });
  }
  return { revision, heartbeats, claims, unreadable };
}

/**
 * Creates the Lease, or changes the one at revision `base` and no other. By PATCH: a PUT creates a
 * Lease that was deleted meanwhile, whatever revision it names, and so a late one would bring back
 * claims from the dead.
 */
export async function writeLease(
  api: KubeApi,
  lease: LeaseManifest,
  { base, ...call }: LeaseCall & { readonly base: bigint | undefined },
): Promise<LeaseWrite> {
  const { namespace, name } = lease.metadata;
  const answer = await (base === undefined
    ? api.request({ method: 'POST', path: pathOf(namespace), body: lease, lane: 'lease', ...call })
    : api.request({
        method: 'PATCH',
        path: pathOf(namespace, name),
        contentType: 'application/merge-patch+json',
        body: { ...lease, metadata: { ...lease.metadata, resourceVersion: String(base) } },
        lane: 'lease',
        ...call,
      }));
  if (answer.ok) return { kind: 'written', revision: revisionOf(answer.body) };
  // Deleted by somebody: our base is gone.
  if (answer.kind === 'conflict' || (answer.kind === 'not-found' && base !== undefined)) {
    return { kind: 'conflict', message: answer.message };
  }
  return { kind: 'failed', failure: answer };
}

function pathOf(namespace: string, name?: string): string {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  return name === undefined ? leases : `${leases}/${name}`;
}
