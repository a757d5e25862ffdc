import type { LeaseWrite } from '../../src/election/decide.ts';
import type { Claims, Heartbeat, LeaseCut, LeaseKey, Stored } from '../../src/election/records.ts';
import type { WriteOutcome } from '../../src/election/register.ts';
import type { SimVersion } from './sim-node.ts';
import { asWritten } from './sim-versions.ts';

export type LeaseKind = 'heartbeat' | 'claims';

/** How a Lease is stored: as its writer left it, without its label, or as nobody can read it. */
interface Held {
  readonly stored: Stored<Heartbeat | Claims>;
  readonly form: 'sound' | 'unlabelled' | 'spoilt';
}

/** The state of etcd at one moment, to be restored later. */
export interface Backup {
  readonly revision: bigint;
  readonly objects: ReadonlyMap<LeaseKey, Held>;
}

/** The API server's Leases, in memory: one revision for every commit, and preconditions that can say no. */
export class SimLeases {
  #revision = 1n;
  #objects: ReadonlyMap<LeaseKey, Held> = new Map();
  #watchCut: LeaseCut | undefined;

  commit(
    { base, record }: LeaseWrite<Heartbeat | Claims>,
    version: SimVersion = 'ours',
  ): WriteOutcome {
    const key: LeaseKey = `${record.kind}/${record.node}`;
    if (this.#objects.get(key)?.stored.revision !== base) return { kind: 'conflict' };
    const read = asWritten(record, version);
    const revision = this.#put(key, read ?? record, read === undefined ? 'spoilt' : 'sound');
    return { kind: 'committed', revision };
  }

  /** As a person with kubectl does it. */
  delete(kind: LeaseKind, node: string): void {
    const objects = new Map(this.#objects);
    if (!objects.delete(`${kind}/${node}`)) return;
    this.#changed(objects);
  }

  /** As a person does it with an editor who does not care. */
  spoil(kind: LeaseKind, node: string): void {
    this.#reform(kind, node, 'spoilt');
  }

  /** Its label goes: a watch with a selector sees it deleted, a LIST without one finds it unreadable. */
  unlabel(kind: LeaseKind, node: string): void {
    this.#reform(kind, node, 'unlabelled');
  }

  /** An edit of the claims that keeps the stamp of their writer. */
  editClaims(node: string, change: (claims: Claims) => Claims): void {
    const record = this.#objects.get(`claims/${node}`)?.stored.record;
    if (record?.kind === 'claims') this.#put(`claims/${node}`, change(record), 'sound');
  }

  /** An edit of the heartbeat that keeps the stamp of its writer but for the incarnation. */
  editHeartbeat(node: string, incarnation: number): void {
    const record = this.#objects.get(`heartbeat/${node}`)?.stored.record;
    if (record?.kind === 'heartbeat') {
      this.#put(`heartbeat/${node}`, { ...record, incarnation }, 'sound');
    }
  }

  backup(): Backup {
    return { revision: this.#revision, objects: this.#objects };
  }

  /** As an administrator does it with etcd: what was written since, and its revisions, never were. */
  restore({ revision, objects }: Backup): void {
    this.#revision = revision;
    this.#objects = objects;
    this.#watchCut = undefined;
  }

  /** What a watch with a label selector has seen when it is up to date. */
  watchCut(): LeaseCut {
    this.#watchCut ??= cutOf(this.#revision, this.#objects, 'selected');
    return this.#watchCut;
  }

  /** What a linearizable LIST without a selector answers. */
  list(): LeaseCut {
    return cutOf(this.#revision, this.#objects, 'all');
  }

  #reform(kind: LeaseKind, node: string, form: Held['form']): void {
    const record = this.#objects.get(`${kind}/${node}`)?.stored.record;
    if (record !== undefined) this.#put(`${kind}/${node}`, record, form);
  }

  #put(key: LeaseKey, record: Heartbeat | Claims, form: Held['form']): bigint {
    const revision = this.#revision + 1n;
    this.#changed(new Map(this.#objects).set(key, { stored: { record, revision }, form }));
    return revision;
  }

  #changed(objects: ReadonlyMap<LeaseKey, Held>): void {
    this.#revision += 1n;
    this.#objects = objects;
    this.#watchCut = undefined;
  }
}

function cutOf(
  revision: bigint,
  objects: ReadonlyMap<LeaseKey, Held>,
  which: 'selected' | 'all',
): LeaseCut {
  const heartbeats = new Map<string, Stored<Heartbeat>>();
  const claims = new Map<string, Stored<Claims>>();
  const unreadable = new Map<LeaseKey, bigint>();
  for (const [key, { stored, form }] of objects) {
    const { record, revision } = stored;
    if (form === 'unlabelled' && which === 'selected') continue;
    if (form !== 'sound') unreadable.set(key, revision);
    else if (record.kind === 'heartbeat') heartbeats.set(record.node, { record, revision });
    else claims.set(record.node, { record, revision });
  }
  return { revision, heartbeats, claims, unreadable };
}
