import { succeeded } from '../election/events.ts';
import type { LeaseCut, LeaseStamp, Stored } from '../election/records.ts';
import { initialState } from '../election/state.ts';
import { add, type Instant, NEVER } from '../instant.ts';
import { listLeases } from '../kube/leases.ts';
import type { NodeName } from '../model.ts';
import { bootId, sessionId } from '../sys/host.ts';
import type { AgentDeps, AgentOptions } from './agent.ts';
import { electionLoop, type TurnInput } from './election-loop.ts';
import type { LeasePort } from './lease-port.ts';

/** Connections are kept open for 30 s without a request. */
const PACE_MS = 10_000;
/** Claims, heartbeat, barrier, activation, and a turn to rest. */
const TURNS = 6;

/**
 * What makes the first handover of a process as quick as its hundredth: while an agent waits, it goes through the
 * takeover on paper, so that the code is compiled, and keeps connections for Leases open. To be called now and then; does
 * something every 10 s.
 */
export function rehearsal(deps: AgentDeps, options: AgentOptions): (world: TurnInput) => void {
  const { clock } = deps;
  let dueAt: Instant = NEVER;
  return (world) => {
    const now = clock.now();
    if (now < dueAt || world.links.length === 0) return;
    dueAt = add(now, PACE_MS);
    const call = { timeoutMs: options.timing.requestTimeout };
    // Two: a renewal may be under way while the barrier is read.
    for (let i = 0; i < 2; i += 1) void listLeases(deps.api, options.namespace, call);
    play(deps, options, world).catch((error: unknown) =>
      deps.log.warn({ error }, 'the rehearsal of the takeover has failed'),
    );
  };
}

/** Takes over from whoever holds the lock, against Leases that exist here only. */
async function play({ clock }: AgentDeps, options: AgentOptions, world: TurnInput): Promise<void> {
  const self = { node: options.node, bootId: bootId(), session: sessionId() };
  const unproven = { dead: [], now: clock.now() };
  const start = succeeded(initialState(self, options.timing), world.leases, unproven);
  const paper = paperLeases(world.leases);
  const election = electionLoop(start, { port: paper.port, clock, onChange: () => {} });
  for (let turn = 0; turn < TURNS; turn += 1) {
    election.turn({ ...world, leases: paper.cut() }, () => {});
    await clock.sleep(1);
  }
}

/** An API server that keeps every promise, beginning with these Leases. */
function paperLeases(begin: LeaseCut): { readonly port: LeasePort; cut(): LeaseCut } {
  let cut = begin;
  const port: LeasePort = {
    async write({ record }) {
      const revision = cut.revision + 1n;
      cut =
        record.kind === 'heartbeat'
          ? { ...cut, revision, heartbeats: stored(cut.heartbeats, { record, revision }) }
          : { ...cut, revision, claims: stored(cut.claims, { record, revision }) };
      return { kind: 'committed', revision };
    },
    list: async () => cut,
  };
  return { port, cut: () => cut };
}

function stored<T extends LeaseStamp>(
  before: ReadonlyMap<NodeName, Stored<T>>,
  item: Stored<T>,
): ReadonlyMap<NodeName, Stored<T>> {
  return new Map(before).set(item.record.node, item);
}
