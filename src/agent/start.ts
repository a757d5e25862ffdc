import type { AgentArguments } from '../cli/command.ts';
import { checkedTiming } from '../election/timing.ts';
import { NEVER } from '../instant.ts';
import { openKubeApi } from '../kube/api.ts';
import { type LinkFilter, linkFilter } from '../net/usable-links.ts';
import type { Clock } from '../sys/clock.ts';
import { systemClock } from '../sys/clock.ts';
import { hasNetRaw } from '../sys/host.ts';
import { serveHttp } from '../sys/http.ts';
import { watchLinks } from '../sys/links.ts';
import { type Log, openLog } from '../sys/log.ts';
import { openMetrics } from '../sys/metrics.ts';
import { takeNodeLock } from '../sys/node-lock.ts';
import { stopSignal } from '../sys/stop-signal.ts';
import { runAgent } from './agent.ts';
import { clusterIdentity } from './identity.ts';
import { type AgentMetrics, agentMetrics } from './metrics.ts';

/** Without a tick for so long, the process is to be started again. */
const DEAD_LOOP_MS = 10_000;

/**
 * Runs an agent from the command line until SIGTERM or SIGINT; `entry` is the running script.
 * Throws one sentence for what only the operator can mend; what may come later is waited for.
 */
export async function startAgent(args: AgentArguments, entry: string): Promise<void> {
  const timing = checkedTiming(args.profile);
  const filter = linkFilter(args.linkInclude, args.linkExclude);
  if (!hasNetRaw()) {
    throw new Error(
      'CAP_NET_RAW is missing: the agent needs it to answer ARP; run it as root, or add NET_RAW ' +
        "to the container's capabilities",
    );
  }
  const clock = systemClock();
  const log = openLog(args.logLevel, { node: args.nodeName });
  const stop = stopSignal(log);
  const api = await openKubeApi({ kubeconfig: args.kubeconfig, clock, log });
  log.info({ profile: args.profile, server: api.server }, 'the agent starts');
  log.warn({}, 'the witness is not served yet: failover waits for the lease to run out');
  const deps = { api, clock, log };
  const registry = openMetrics();
  const metrics = agentMetrics(registry, log);
  const serve = () =>
    serveHttp(
      {
        metrics: registry.text,
        unhealthy: () => unhealthy(metrics, clock),
        unready: () => unready(metrics),
      },
      { address: args.metricsAddress, port: args.metricsPort },
    );
  // Already now, lest waiting for the API server be taken for a hang. During an update the port is
  // still our predecessor's, who answers for both of us.
  const early = await serve().catch(() => undefined);
  const identity = await clusterIdentity(args.nodeName, deps, stop);
  if (identity === 'aborted') return api.close();
  const lock = await takeNodeLock(`${identity.clusterUid}/${args.nodeName}`, clock, {
    signal: stop,
    onWait: () => log.info({}, 'another agent runs on this node: waiting until it has ended'),
  });
  if (lock === 'aborted') return api.close();
  const server = early ?? (await serve());
  const links = await watchLinks({ clock, log });
  warnOfMissingLinks(
    filter,
    log,
    links.links().map((link) => link.name),
  );
  const { nodeName: node, namespace, loadBalancerClass } = args;
  const options = {
    node,
    linkFilter: filter,
    namespace,
    loadBalancerClass,
    timing,
    entry,
    ...identity,
  };
  await runAgent({ ...deps, links, metrics }, options, stop);
  links.close();
  await Promise.all([server.close(), lock.close(), api.close()]);
  log.info({}, 'the agent has left in order');
}

function unhealthy(metrics: AgentMetrics, clock: Clock): string | undefined {
  const { tickedAt } = metrics.health();
  if (tickedAt === NEVER || clock.now() - tickedAt < DEAD_LOOP_MS) return undefined;
  return 'the loop has not ticked for over 10 s';
}

/** Ready once joined, and then for ever: an API server that is away must not take agents with it. */
function unready(metrics: AgentMetrics): string | undefined {
  return metrics.health().joined ? undefined : 'the agent has not joined the election yet';
}

function warnOfMissingLinks({ include }: LinkFilter, log: Log, names: readonly string[]): void {
  if (include === undefined || names.some((name) => include.test(name))) return;
  log.warn(
    { links: names, include: include.source },
    'No link matches --link-include now: no VIP is announced until one does',
  );
}
