import { seededRandom } from './random.ts';
import { demandFor, type SimCluster } from './sim-cluster.ts';
import type { LeaseKind } from './sim-leases.ts';
import { type SimNode, type SimVersion, simLinks } from './sim-node.ts';

/** No authority of the standard profile lasts longer, by whatever clock. */
const AUTHORITY_MS = 3000;
const BOTH: readonly LeaseKind[] = ['heartbeat', 'claims'];

/** A fault as part of a story: all its chances come from `salt`, so it is the same in any other story. */
export interface SimFault {
  /** True time, in milliseconds. */
  readonly at: number;
  readonly name: string;
  readonly node: string;
  readonly ms: number;
  readonly salt: number;
}

type Fault = (sim: SimCluster, node: SimNode, ms: number, random: () => number) => void;

/** What may happen to a node at any moment, for about `ms` milliseconds where that makes sense. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  stop: (sim, node, ms) => sim.stop(node, ms),
  'short stop': (sim, node, _, random) => sim.stop(node, 50 + random() * 300),
  'stop of the agent alone': (sim, node, ms) => {
    node.agentStoppedUntil = sim.now + ms;
    sim.after(ms, () => sim.disturbed());
  },
  'freeze with its clock': (sim, node, ms) => sim.freeze(node, ms),
  'API cut off': (sim, node, ms) => sim.api.cutOff(node, ms),
  'API cut off until authority just ends': (sim, node, _, random) =>
    sim.api.cutOff(node, 2000 + random() * 1500),
  'API hears but does not answer': (sim, node, ms) => sim.api.deafen(node, ms),
  'API away from all': (sim, _, ms) => {
    for (const node of sim.nodes.values()) sim.api.cutOff(node, ms);
  },
  'API slow for all': (sim, _, ms) => {
    sim.api.slowUntil = sim.now + ms / 4;
  },
  'etcd stands still': (sim, _, ms) => {
    sim.api.stillUntil = sim.now + ms;
    sim.after(ms, () => sim.disturbed());
  },
  'one request is lost': (sim, node, _, random) => sim.api.loseNext(node, random() < 0.5),
  'one request hangs': (sim, node, ms) => sim.api.hangNext(node, ms),
  'watch lags': (_, node, _ms, random) => {
    node.watchLagMs = random() < 0.3 ? 0 : random() * 3000;
  },
  'watch lags a little': (_, node, _ms, random) => {
    node.watchLagMs = random() * 1250;
  },
  'watch is lost': (sim, node, ms) => sim.api.loseWatch(node, 2 * ms),
  'watch stalls, then shows all at once': (sim, node, ms) => {
    // Compaction: the stream ends with 410 and begins anew with a LIST of what is.
    sim.api.loseWatch(node, ms);
    sim.after(ms, () => sim.api.relist(node, 0));
  },
  'watch begins anew in the past': (sim, node, ms, random) => {
    for (let i = 0; i < 4; i += 1) {
      const share = random();
      sim.after((i * ms) / 10, () => sim.api.showPast(node, share));
    }
  },
  'node is mute': (sim, node, ms) => sim.segment?.mute(node.name, ms),
  'node is deaf': (sim, node, ms) => sim.segment?.deafen(node.name, ms),
  'one does not hear another': (sim, node, ms, random) => {
    const others = [...sim.demand.nodes].filter((name) => name !== node.name);
    if (others.length > 0) sim.segment?.block(node.name, anyOf(random, others), ms);
  },
  'segment is split': (sim, _, ms, random) => {
    const side = [...sim.nodes.keys()].filter(() => random() < 0.5);
    sim.segment?.split(new Set(side), ms);
  },
  'segment is rough': (sim, _, ms, random) =>
    sim.segment?.roughen(
      { loss: random() * 0.3, duplication: random() * 0.2, delayMs: 1 + random() * 40 },
      ms,
    ),
  'wire hears late': (sim, node, ms) => {
    node.wireSlowUntil = sim.now + ms;
  },
  'agent is killed': (sim, node, _, random) => {
    sim.kill(node.name);
    sim.after(random() < 0.5 ? 0 : random() * 4000, () => sim.start(node.name));
  },
  'host dies': (sim, node, ms) => {
    sim.crash(node.name);
    sim.after(ms, () => sim.start(node.name));
  },
  'agent leaves': (sim, node, ms) => {
    node.agent?.leave();
    sim.after(ms, () => sim.start(node.name));
  },
  'agent of another version': (sim, node, _, random) => {
    const versions: readonly SimVersion[] = ['newer', 'older', 'ours'];
    sim.kill(node.name);
    node.version = versions[Math.floor(random() * versions.length)] ?? 'ours';
    sim.start(node.name);
  },
  'a new node joins': (sim, _, _ms, random) => {
    const absent = [...sim.nodes.values()].filter(
      ({ name, as, isGone }) => !sim.demand.nodes.has(as) && !isGone && name === as,
    );
    if (absent.length > 0) sim.join(anyOf(random, absent).name);
  },
  'a node goes for good': (sim, node) => {
    if (sim.demand.nodes.size > 3 && sim.demand.nodes.has(node.name)) sim.removeForGood(node.name);
  },
  'Lease deleted': (sim, node, _, random) => sim.api.deleteLeases(node.as, [anyOf(random, BOTH)]),
  /** A second machine under that name that starts right then finds nobody to wait for: nobody promises that. */
  'both Leases deleted': (sim, node) => {
    sim.holdNamesakes(node.as, AUTHORITY_MS);
    sim.api.deleteLeases(node.as, BOTH);
  },
  'Lease spoilt': (sim, node, _, random) =>
    sim.api.meddle(node.as, (leases) => leases.spoil(anyOf(random, BOTH), node.as)),
  'label removed': (sim, node, _, random) =>
    sim.api.meddle(node.as, (leases) => leases.unlabel(anyOf(random, BOTH), node.as)),
  'claims edited with its stamp kept': (sim, node, _, random) => editClaims(sim, node, random),
  'heartbeat edited with its stamp kept': (sim, node, _, random) =>
    sim.api.meddle(node.as, (leases) =>
      leases.editHeartbeat(node.as, 1 + Math.floor(random() * 40)),
    ),
  'excluded for an instant': (sim, node, _, random) => {
    sim.exclude([node.as]);
    sim.after(5 + random() * 55, () => sim.exclude([]));
  },
  'excluded for long': (sim, node, ms) => {
    sim.exclude([node.as]);
    sim.after(ms, () => sim.exclude([]));
  },
  cordoned: (sim, node, ms) => {
    sim.ask({ draining: new Map([[node.as, 'cordoned']]) });
    sim.after(ms, () => sim.ask({ draining: new Map() }));
  },
  'Service comes and goes': (sim, _, ms, random) => {
    const gone = anyOf(random, [...sim.demand.vips.keys()]);
    sim.without(gone, random() < 0.5 ? 5 + random() * 55 : ms);
  },
  'endpoints move': (sim, _, ms, random) => {
    const nodes = [...sim.demand.nodes].filter(() => random() < 0.6);
    sim.narrow(anyOf(random, [...sim.demand.vips.keys()]), 'endpoints', nodes, ms);
  },
  'selector changes': (sim, _, ms, random) => {
    const nodes = [...sim.demand.nodes].filter(() => random() < 0.6);
    sim.narrow(anyOf(random, [...sim.demand.vips.keys()]), 'selector', nodes, ms);
  },
  'link down or up': (sim, node) =>
    sim.setLinks(node, node.links.length === 0 ? simLinks(node.name) : []),
  'link flaps': (sim, node, _, random) => {
    sim.setLinks(node, []);
    sim.after(5 + random() * 55, () => sim.setLinks(node, simLinks(node.name)));
  },
};

/** What concerns all nodes and is made once in a story, before the others. */
export const SETTINGS: Readonly<Record<string, Fault>> = {
  'requests are slow or lost': (sim) => {
    sim.api.mood = 'flaky';
  },
  /** Four times somebody starts an agent under the name of a node on a machine that is not that node. */
  'two machines of one name': (sim, node, _, random) => {
    for (let i = 0; i < 4; i += 1) {
      const ms = 500 + random() * 12_000;
      sim.after(random() * 40_000, () => sim.impersonate(node.name, ms));
    }
  },
  /**
   * Once, etcd goes back to what it was 10 to 16 s before. (With a younger backup the nodes catch up with
   * its revisions before they LIST and notice nothing; but nobody restores one of the last second.) A
   * process that starts right then takes the backup for the truth: no promise covers that either, nor one
   * that has just started and has read nothing yet.
   */
  'restored from a backup': (sim, _, _ms, random) => {
    const age = 10_000 + random() * 6000;
    sim.after(random() * 10_000, () => {
      const backup = sim.leases.backup();
      sim.after(age, () => {
        sim.holdStarts(AUTHORITY_MS);
        for (const { name, agent } of sim.nodes.values()) {
          if (agent?.state.newest !== 0n) continue;
          sim.kill(name);
          sim.start(name);
        }
        sim.api.restore(backup);
      });
    });
  },
};

/** Makes the fault now. */
export function injectFault(sim: SimCluster, { name, node, ms, salt }: SimFault): void {
  const fault = FAULTS[name] ?? SETTINGS[name];
  if (fault === undefined) throw new RangeError(`there is no fault '${name}'`);
  const namesake = salt % 2 === 1 ? sim.namesakeOf(node) : undefined;
  fault(sim, namesake ?? sim.node(node), ms, seededRandom(salt));
}

/** Ends what lasts, but for stops; every node gets its agent back. */
export function heal(sim: SimCluster): void {
  sim.api.mood = 'reliable';
  sim.api.slowUntil = 0;
  sim.api.stillUntil = 0;
  sim.journal.disturbedAt = sim.now;
  sim.segment?.heal();
  const names = [...sim.demand.nodes];
  const { vips } = demandFor(names, sim.allVips);
  sim.ask({ vips, excluded: new Set(), draining: new Map() });
  for (const node of sim.nodes.values()) {
    node.apiCutUntil = 0;
    node.deafUntil = 0;
    node.watchLostUntil = 0;
    node.watchLagMs = 0;
    node.wireSlowUntil = 0;
    sim.setLinks(node, simLinks(node.name));
    sim.api.relist(node, 10);
    if (node.as !== node.name) sim.kill(node.name);
    // One that was told to leave does so within 4.5 s.
    if (names.includes(node.name)) sim.after(5000, () => sim.start(node.name));
  }
}

/**
 * An edit that keeps the stamp is seen through by whoever knows the write as it was. One who does not,
 * such as a process that has just started, takes the lie for the truth: no promise covers that.
 */
function editClaims(sim: SimCluster, node: SimNode, random: () => number): void {
  const stored = sim.leases.list().claims.get(node.as);
  const others = [...sim.nodes.values()].filter((other) => other !== node);
  const known = others.every(
    ({ agent, as }) =>
      !sim.demand.nodes.has(as) ||
      agent?.state.view.get(node.as)?.claimsRevision === stored?.revision,
  );
  if (stored === undefined || !known) return;
  sim.holdStarts(AUTHORITY_MS);
  sim.api.meddle(node.as, (leases) =>
    leases.editClaims(node.as, (claims) => {
      const kept = [...claims.vips].filter(() => random() < 0.5);
      return { ...claims, vips: new Map(kept) };
    }),
  );
}

function anyOf<T>(random: () => number, from: readonly T[]): T {
  const one = from[Math.floor(random() * from.length)];
  if (one === undefined) throw new RangeError('nothing to choose from');
  return one;
}
