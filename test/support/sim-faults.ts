import type { SimCluster } from './sim-cluster.ts';
import type { LeaseKind } from './sim-leases.ts';
import { SIM_LINKS, type SimNode } from './sim-node.ts';

/** No authority of the standard profile lasts longer, by whatever clock. */
const AUTHORITY_MS = 3000;

type Fault = (sim: SimCluster, node: SimNode, ms: number) => void;

/** What may happen to a node at any moment, for about `ms` milliseconds where that makes sense. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  stop: (sim, node, ms) => sim.stop(node, ms),
  'short stop': (sim, node) => sim.stop(node, 50 + sim.random() * 300),
  'stop of the agent alone': (sim, node, ms) => {
    node.agentStoppedUntil = sim.now + ms;
  },
  'freeze with its clock': (sim, node, ms) => sim.freeze(node, ms),
  'API cut off': (sim, node, ms) => sim.api.cutOff(node, ms),
  'API cut off until authority just ends': (sim, node) =>
    sim.api.cutOff(node, 2000 + sim.random() * 1500),
  'API hears but does not answer': (sim, node, ms) => sim.api.deafen(node, ms),
  'watch lags': (sim, node) => {
    node.watchLagMs = sim.random() < 0.3 ? 0 : sim.random() * 3000;
  },
  'watch is lost': (sim, node, ms) => sim.api.loseWatch(node, 2 * ms),
  'wire hears late': (sim, node, ms) => {
    node.wireSlowUntil = sim.now + ms;
  },
  'agent is killed': (sim, node) => {
    sim.kill(node.name);
    sim.after(sim.random() < 0.5 ? 0 : sim.random() * 4000, () => sim.start(node.name));
  },
  'host dies': (sim, node, ms) => {
    sim.crash(node.name);
    sim.after(ms, () => sim.start(node.name));
  },
  'agent leaves': (sim, node, ms) => {
    node.agent?.leave();
    sim.after(ms, () => sim.start(node.name));
  },
  'Lease deleted': (sim, node) =>
    sim.api.meddle((leases) => leases.delete(anyKind(sim), node.name)),
  'both Leases deleted': (sim, node) =>
    sim.api.meddle((leases) => {
      leases.delete('heartbeat', node.name);
      leases.delete('claims', node.name);
    }),
  'Lease spoilt': (sim, node) => sim.api.meddle((leases) => leases.spoil(anyKind(sim), node.name)),
  'label removed': (sim, node) =>
    sim.api.meddle((leases) => leases.unlabel(anyKind(sim), node.name)),
  'claims edited with its stamp kept': (sim, node) => editClaims(sim, node),
  'heartbeat edited with its stamp kept': (sim, node) =>
    sim.api.meddle((leases) => leases.editHeartbeat(node.name, 1 + Math.floor(sim.random() * 40))),
  'excluded for an instant': (sim, node) => {
    sim.exclude([node.name]);
    sim.after(5 + sim.random() * 55, () => sim.exclude([]));
  },
  'excluded for long': (sim, node, ms) => {
    sim.exclude([node.name]);
    sim.after(ms, () => sim.exclude([]));
  },
  'link down or up': (sim, node) => sim.setLinks(node, node.links.length === 0 ? SIM_LINKS : []),
  'link flaps': (sim, node) => {
    sim.setLinks(node, []);
    sim.after(5 + sim.random() * 55, () => sim.setLinks(node, SIM_LINKS));
  },
};

/** One fault of these on one node, both by chance; what it was. */
export function injectFault(
  sim: SimCluster,
  names: readonly string[],
): { readonly name: string; readonly text: string } {
  const name = anyOf(sim, names);
  const node = sim.node(anyOf(sim, [...sim.nodes.keys()]));
  const ms = 100 + sim.random() * 6000;
  FAULTS[name]?.(sim, node, ms);
  return { name, text: `${Math.round(sim.now)} ${node.name}: ${name} (${Math.round(ms)} ms)` };
}

/**
 * Once, etcd goes back to what it was 10 to 16 s before. (With a younger backup the nodes catch up with
 * its revisions before they LIST and notice nothing; but nobody restores one of the last second.) A
 * process that starts right then takes the backup for the truth: no promise covers that either.
 */
export function restoreOnce(sim: SimCluster): void {
  const age = 10_000 + sim.random() * 6000;
  sim.after(sim.random() * 10_000, () => {
    const backup = sim.leases.backup();
    sim.after(age, () => {
      sim.holdStarts(AUTHORITY_MS);
      sim.api.meddle((leases) => leases.restore(backup));
    });
  });
}

/** Ends what lasts; every node gets its agent back. */
export function heal(sim: SimCluster): void {
  sim.api.mood = 'reliable';
  sim.exclude([]);
  for (const node of sim.nodes.values()) {
    node.stoppedUntil = Math.min(node.stoppedUntil, sim.now);
    node.agentStoppedUntil = 0;
    node.apiCutUntil = 0;
    node.deafUntil = 0;
    node.watchLostUntil = 0;
    node.watchLagMs = 0;
    node.wireSlowUntil = 0;
    sim.setLinks(node, SIM_LINKS);
    sim.api.relist(node, 10);
    // One that was told to leave does so within 4.5 s.
    sim.after(5000, () => sim.start(node.name));
  }
}

/**
 * An edit that keeps the stamp is seen through by whoever knows the write as it was. One who does not,
 * such as a process that has just started, takes the lie for the truth: no promise covers that.
 */
function editClaims(sim: SimCluster, node: SimNode): void {
  const stored = sim.leases.list().claims.get(node.name);
  const others = [...sim.nodes.values()].filter((other) => other !== node);
  const known = others.every(
    ({ agent }) => agent?.state.view.get(node.name)?.claimsRevision === stored?.revision,
  );
  if (stored === undefined || !known) return;
  sim.holdStarts(AUTHORITY_MS);
  sim.api.meddle((leases) =>
    leases.editClaims(node.name, (claims) => {
      const kept = [...claims.vips].filter(() => sim.random() < 0.5);
      return { ...claims, vips: new Map(kept) };
    }),
  );
}

function anyKind(sim: SimCluster): LeaseKind {
  return sim.random() < 0.5 ? 'heartbeat' : 'claims';
}

function anyOf(sim: SimCluster, names: readonly string[]): string {
  const name = names[Math.floor(sim.random() * names.length)];
  if (name === undefined) throw new RangeError('nothing to choose from');
  return name;
}
