import type { AgentArguments } from '../cli/command.ts';
import { checkedTiming } from '../election/timing.ts';
import { add, NEVER } from '../instant.ts';
import { openKubeApi } from '../kube/api.ts';
import { type LinkFilter, linkFilter } from '../net/usable-links.ts';
import type { Clock } from '../sys/clock.ts';
import { systemClock } from '../sys/clock.ts';
import { hasNetRaw } from '../sys/host.ts';
import { type HttpServer, serveHttp } from '../sys/http.ts';
import { watchLinks } from '../sys/links.ts';
import { type Log, openLog } from '../sys/log.ts';
import { openMetrics } from '../sys/metrics.ts';
import { type NodeLock, takeNodeLock } from '../sys/node-lock.ts';
import { stopSignal } from '../sys/stop-signal.ts';
import { watchWitnessKeys } from '../sys/witness-keys.ts';
import { runAgent } from './agent.ts';
import { clusterIdentity } from './identity.ts';
import { type AgentMetrics, agentMetrics } from './metrics.ts';

/** Without a tick for so long, the process is to be started again. */
const DEAD_LOOP_MS = 10_000;
/** An agent that has handed over ends within this, and its port is free. */
const PORT_PATIENCE_MS = 1000;
const PORT_RETRY_MS = 100;

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
  const lock = takeNodeLock(`${identity.clusterUid}/${args.nodeName}`, clock, {
    signal: stop,
    onWait: () => log.info({}, 'another agent runs on this node: waiting until it has ended'),
  });
  const server = early === undefined ? lateServer(serve, lock, deps) : Promise.resolve(early);
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
    lock,
    ...identity,
  };
  const watchKeys = (onChange: (keys: readonly string[]) => void) =>
    watchWitnessKeys(args.witnessKeyFile, deps, onChange);
  const end = await Promise.race([
    runAgent({ ...deps, links, metrics, watchKeys }, options, stop),
    server.then(() => new Promise<never>(() => {})),
  ]);
  links.close();
  await Promise.all([(await server)?.close(), api.close()]);
  if (end === 'left') log.info({}, 'the agent has left in order');
}

/**
 * The port is our predecessor's until it has ended, a moment after it has handed over. Undefined if our
 * turn never came.
 */
async function lateServer(
  serve: () => Promise<HttpServer>,
  lock: Promise<NodeLock | 'aborted'>,
  { clock }: { readonly clock: Clock },
): Promise<HttpServer | undefined> {
  if ((await lock) === 'aborted') return undefined;
  const deadline = add(clock.now(), PORT_PATIENCE_MS);
  for (;;) {
    try {
      return await serve();
    } catch (error) {
      if (clock.now() >= deadline) throw error;
      await clock.sleep(PORT_RETRY_MS);
    }
  }
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
