import type { Decision } from '../election/decide.ts';
import { initialState } from '../election/state.ts';
import type { Timing } from '../election/timing.ts';
import { add, type Instant, NEVER } from '../instant.ts';
import type { KubeApi } from '../kube/api.ts';
import type { NodeName, PublishedLink } from '../model.ts';
import { type LinkFilter, usableLinks } from '../net/usable-links.ts';
import type { Clock } from '../sys/clock.ts';
import { bootId, sessionId } from '../sys/host.ts';
import type { LinkWatch } from '../sys/links.ts';
import type { Log } from '../sys/log.ts';
import { linksToServe, tablesOf } from './carry.ts';
import type { ClusterDemand } from './demand.ts';
import { type ElectionLoop, electionLoop } from './election-loop.ts';
import { leasePort } from './lease-port.ts';
import type { AgentMetrics } from './metrics.ts';
import { changedSignal } from './signal.ts';
import { type AgentStores, openStores } from './stores.ts';
import { WireSet } from './wires.ts';

/** Pace of the agent's tick, in every profile (I8). */
const TICK_MS = 50;
/** A clean shutdown that the API server does not answer ends after this long all the same. */
const LEAVE_MS = 4500;

export interface AgentOptions {
  readonly node: NodeName;
  readonly nodeUid: string;
  readonly namespace: string;
  readonly loadBalancerClass: string | undefined;
  readonly timing: Timing;
  readonly linkFilter: LinkFilter;
  /** Path of the script that runs a wire when started with `wire --link NAME`. */
  readonly entry: string;
}

/** The outside world of an agent. */
export interface AgentDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly links: LinkWatch;
  readonly metrics: AgentMetrics;
}

interface Parts {
  readonly stores: AgentStores;
  readonly wires: WireSet;
  readonly election: ElectionLoop;
}

/**
 * Takes part in the election and keeps the wires answering for what this node owns, until `signal`
 * aborts; then gives everything up in order and resolves.
 */
export async function runAgent(
  deps: AgentDeps,
  options: AgentOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, links } = deps;
  const changed = changedSignal(clock);
  const onChange = changed.raise;
  const parts = openParts(deps, options, onChange);
  const { stores, wires, election } = parts;
  const linkChanges = links.onChange(onChange);
  const tick = clock.every(TICK_MS, () => {
    const state = election.state();
    wires.tick(grantOf(state), clock.now());
    deps.metrics.ticked(clock.now());
  });
  let leaveBy: Instant | undefined;
  signal.addEventListener('abort', onChange, { once: true });
  for (;;) {
    if (signal.aborted && leaveBy === undefined) {
      leaveBy = add(clock.now(), LEAVE_MS);
      election.leave();
    }
    const decision = turn(deps, options, parts);
    if (decision?.fatal !== undefined) {
      // Whoever has not noticed yet holds authority for at most so long: nobody may claim before.
      log.error({}, `${decision.fatal} Answering has stopped; this agent ends to start anew`);
      await clock.sleep(options.timing.takerPatience);
      throw new Error(decision.fatal);
    }
    if (leaveBy !== undefined) {
      if (decision === undefined || decision.left) break;
      if (clock.now() >= leaveBy) {
        log.warn(
          {},
          'the release could not be committed in time; the leases run out by themselves',
        );
        break;
      }
    }
    const next = add(clock.now(), leaveBy === undefined ? 1000 : TICK_MS);
    await changed.wait(Math.min(next, decision?.wakeAt ?? next) as Instant);
  }
  tick.close();
  linkChanges.close();
  await Promise.all([wires.close(), stores.close()]);
}

function openParts(deps: AgentDeps, options: AgentOptions, onChange: () => void): Parts {
  const { clock, metrics } = deps;
  const port = leasePort({ ...deps, ...options, onAnswer: metrics.leaseAnswered });
  const self = { node: options.node, bootId: bootId(), session: sessionId() };
  return {
    stores: openStores({ ...deps, ...options, onChange }),
    wires: new WireSet({ ...deps, entry: options.entry, onChange }),
    election: electionLoop(initialState(self, options.timing), { port, clock, onChange }),
  };
}

/** One look at the world and what follows from it; undefined while the stores are still being filled. */
function turn(deps: AgentDeps, options: AgentOptions, parts: Parts): Decision | undefined {
  const { stores, wires, election } = parts;
  const demand = stores.demand();
  const now = deps.clock.now();
  if (demand === undefined) {
    deps.metrics.awaited(stores, now);
    return undefined;
  }
  const leases = stores.leases();
  const usable = usableLinks(deps.links.links(), options.linkFilter);
  wires.keep(linksToServe(usable, demand.ranges, demand.vips.keys()));
  const serving = wires.serving(usable, now);
  const decision = election.turn(
    {
      leases,
      demand,
      links: serving,
      held: wires.held(),
      suspectSince: wires.suspectSince(),
    },
    ({ active, until }) => {
      wires.setTables(tablesOf(active, demand, serving, options.node));
      if (until === null) wires.tick(grantOf(election.state()), now);
    },
  );
  report(deps, decision, demand, serving);
  const facts = { election: election.state(), demand, leases, wires: wires.status(), stores };
  deps.metrics.turned(facts, now);
  return decision;
}

function grantOf(state: ReturnType<ElectionLoop['state']>): {
  until: Instant | null;
  provenAt: Instant | null;
} {
  if (state.phase !== 'member') return { until: null, provenAt: null };
  return { until: state.authUntil, provenAt: state.provenAt === NEVER ? null : state.provenAt };
}

function report(
  { log, metrics }: AgentDeps,
  { moves }: Decision,
  demand: ClusterDemand,
  links: readonly PublishedLink[],
): void {
  for (const move of moves) {
    const services = demand.services.get(move.vip) ?? [];
    const carried = links.map((link) => link.name);
    log.info({ ...move, services, links: carried }, moveText(move));
    metrics.moved(move);
  }
}

function moveText({ vip, from, to, reason }: Decision['moves'][number]): string {
  if (to === undefined) return `${vip} is given up by ${from}: ${reason}`;
  return `${vip} goes ${from === undefined ? '' : `from ${from} `}to ${to}: ${reason}`;
}
