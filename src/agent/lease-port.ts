import type { LeaseWrite } from '../election/decide.ts';
import type { Claims, Heartbeat, LeaseCut } from '../election/records.ts';
import type { WriteOutcome } from '../election/register.ts';
import type { Timing } from '../election/timing.ts';
import type { ApiFailure } from '../kube/answer.ts';
import type { KubeApi } from '../kube/api.ts';
import { type Condition, encodeLease } from '../kube/lease-encode.ts';
import { listLeases, writeLease } from '../kube/leases.ts';
import type { Clock } from '../sys/clock.ts';

/** How the election reaches its Leases: the API server here, a simulated one in simulations. */
export interface LeasePort {
  write(write: LeaseWrite<Heartbeat | Claims>): Promise<WriteOutcome>;
  /** A linearizable LIST: whatever was committed before the call is in it. */
  list(): Promise<LeaseCut | 'failed'>;
}

export interface LeasePortOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly nodeUid: string;
  readonly timing: Timing;
  readonly clock: Clock;
  /** How this agent fares at the moment. */
  readonly conditions: () => readonly Condition[];
  /** Hears of every answer, with the failure if it was one; the election itself tries again. */
  readonly onAnswer: (
    action: 'write' | 'list',
    ms: number,
    failure: ApiFailure | undefined,
  ) => void;
}

/** The Leases of the election at the API server. */
export function leasePort(options: LeasePortOptions): LeasePort {
  const { api, namespace, timing, clock, onAnswer } = options;
  const timeoutMs = timing.requestTimeout;
  return {
    async write({ base, record }) {
      const begun = clock.now();
      const context = {
        ...options,
        renewTime: clock.wallTime(),
        conditions: options.conditions(),
      };
      const lease = encodeLease(record, context);
      const result = await writeLease(api, lease, { timeoutMs, base });
      onAnswer('write', clock.now() - begun, result.kind === 'failed' ? result.failure : undefined);
      switch (result.kind) {
        case 'written':
          return { kind: 'committed', revision: result.revision };
        case 'conflict':
          return { kind: 'conflict' };
        case 'failed':
          return { kind: 'failed' };
      }
    },
    async list() {
      const begun = clock.now();
      const result = await listLeases(api, namespace, { timeoutMs });
      onAnswer('list', clock.now() - begun, result.kind === 'failed' ? result.failure : undefined);
      return result.kind === 'listed' ? result.cut : 'failed';
    },
  };
}
