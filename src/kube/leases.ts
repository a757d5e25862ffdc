import type { Claims, Heartbeat, LeaseCut, Stored } from '../election/records.ts';
import type { NodeName } from '../model.ts';
import type { ApiFailure } from './answer.ts';
import { failure } from './answer.ts';
import type { KubeApi } from './api.ts';
import { type DecodeError, isRecord, revisionOf } from './json.ts';
import { decodeLease, type LeaseItem } from './lease-decode.ts';
import { LEASE_LABEL, type LeaseManifest } from './lease-encode.ts';
import type { Resource } from './resources.ts';

/** `conflict`: the stored object is not the one that we built upon. A failure of kind `timeout` may yet be carried out. */
export type LeaseWrite =
  | { readonly kind: 'written'; readonly revision: bigint }
  | { readonly kind: 'conflict'; readonly message: string }
  | { readonly kind: 'failed'; readonly failure: ApiFailure };

export type LeaseRead =
  | { readonly kind: 'found'; readonly item: LeaseItem }
  | { readonly kind: 'absent' }
  /** `revision` is what a write over it has to name as its base. */
  | { readonly kind: 'malformed'; readonly error: DecodeError; readonly revision: bigint }
  | { readonly kind: 'failed'; readonly failure: ApiFailure };

/** `malformed` lists what is stored but could not be read: it is not in the cut, but it exists. */
export type LeaseList =
  | { readonly kind: 'listed'; readonly cut: LeaseCut; readonly malformed: readonly DecodeError[] }
  | { readonly kind: 'failed'; readonly failure: ApiFailure };

export interface LeaseCall {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

const SELECTOR = `${LEASE_LABEL} in (heartbeat,claims)`;

/** The Leases of the election, for a store. */
export function electionLeases(namespace: string): Resource<LeaseItem> {
  return {
    name: 'leases.coordination.k8s.io',
    path: pathOf(namespace),
    query: { labelSelector: SELECTOR },
    decode: decodeLease,
  };
}

/** Everything that was committed before this call, at one revision: the read barrier of the protocol. */
export async function listLeases(
  api: KubeApi,
  namespace: string,
  call: LeaseCall,
): Promise<LeaseList> {
  // Without a resourceVersion the server must answer from etcd's latest state, not from its cache.
  const query = { labelSelector: SELECTOR };
  const answer = await api.request({ path: pathOf(namespace), query, lane: 'lease', ...call });
  if (!answer.ok) return { kind: 'failed', failure: answer };
  const items = isRecord(answer.body) ? answer.body['items'] : undefined;
  if (!Array.isArray(items) || revisionOf(answer.body) === 0n) {
    return { kind: 'failed', failure: failure('server-error', 'the answer is no list') };
  }
  const leases: LeaseItem[] = [];
  const malformed: DecodeError[] = [];
  for (const raw of items) {
    const lease = decodeLease(raw);
    if (lease.ok) leases.push(lease.value);
    else malformed.push(lease.error);
  }
  return { kind: 'listed', cut: leaseCut(leases, revisionOf(answer.body)), malformed };
}

/** The state of the election that these Leases are at this revision. */
export function leaseCut(items: Iterable<LeaseItem>, revision: bigint): LeaseCut {
  const heartbeats = new Map<NodeName, Stored<Heartbeat>>();
  const claims = new Map<NodeName, Stored<Claims>>();
  for (const { record, revision } of items) {
    if (record.kind === 'heartbeat') heartbeats.set(record.node, { record, revision });
    else claims.set(record.node, { record, revision });
  }
  return { revision, heartbeats, claims };
}

/**
 * Creates the Lease, or changes the one at revision `base` and no other. By PATCH: a PUT creates a Lease that was
 * deleted meanwhile, whatever revision it names, and so a late one would bring back claims from the dead.
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

/** The stored Lease of that name, read from etcd's latest state. */
export async function readLease(
  api: KubeApi,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  call: LeaseCall,
): Promise<LeaseRead> {
  const answer = await api.request({ path: pathOf(namespace, name), lane: 'lease', ...call });
  if (!answer.ok) {
    return answer.kind === 'not-found' ? { kind: 'absent' } : { kind: 'failed', failure: answer };
  }
  const lease = decodeLease(answer.body);
  return lease.ok
    ? { kind: 'found', item: lease.value }
    : { kind: 'malformed', error: lease.error, revision: revisionOf(answer.body) };
}

function pathOf(namespace: string, name?: string): string {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  return name === undefined ? leases : `${leases}/${name}`;
}
