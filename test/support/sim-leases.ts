import type { LeaseWrite } from '../../src/election/decide.ts';
import type { Claims, Heartbeat, LeaseCut, LeaseKey, Stored } from '../../src/election/records.ts';
import type { WriteOutcome } from '../../src/election/register.ts';

/** The API server's Leases, in memory: one revision for every commit, and preconditions that can say no. */
export class SimLeases {
  #revision = 1n;
  #heartbeats = new Map<string, Stored<Heartbeat>>();
  #claims = new Map<string, Stored<Claims>>();
  #unreadable = new Map<LeaseKey, bigint>();

  commit({ base, record }: LeaseWrite<Heartbeat | Claims>): WriteOutcome {
    const stored: Stored<Heartbeat | Claims> | undefined =
      record.kind === 'heartbeat'
        ? this.#heartbeats.get(record.node)
        : this.#claims.get(record.node);
    const key: LeaseKey = `${record.kind}/${record.node}`;
    const existing = stored?.revision ?? this.#unreadable.get(key);
    if (existing !== base) return { kind: 'conflict' };
    this.#unreadable.delete(key);
    this.#revision += 1n;
    const revision = this.#revision;
    if (record.kind === 'heartbeat') this.#heartbeats.set(record.node, { record, revision });
    else this.#claims.set(record.node, { record, revision });
    return { kind: 'committed', revision };
  }

  /** As a person with kubectl does it. */
  delete(kind: 'heartbeat' | 'claims', node: string): void {
    this.#revision += 1n;
    if (kind === 'heartbeat') this.#heartbeats.delete(node);
    else this.#claims.delete(node);
    this.#unreadable.delete(`${kind}/${node}`);
  }

  /** As a person with an editor does it. */
  spoil(kind: 'heartbeat' | 'claims', node: string): void {
    this.delete(kind, node);
    this.#unreadable.set(`${kind}/${node}`, this.#revision);
  }

  cut(): LeaseCut {
    return {
      revision: this.#revision,
      heartbeats: new Map(this.#heartbeats),
      claims: new Map(this.#claims),
      unreadable: new Map(this.#unreadable),
    };
  }
}
