import type { LeaseCut } from '../election/records.ts';
import type { KubeApi, Lane } from '../kube/api.ts';
import { electionLeases, type LeaseEntry, leaseCut } from '../kube/leases.ts';
import {
  endpointSlices,
  l2Advertisements,
  nodes,
  pools,
  type Resource,
  services,
} from '../kube/resources.ts';
import { type Snapshot, type Store, type StoreHealth, watchStore } from '../kube/store.ts';
import type { Clock } from '../sys/clock.ts';
import type { Log } from '../sys/log.ts';
import { type ClusterDemand, demandOf } from './demand.ts';
import { paced } from './signal.ts';

/** Changes of Services, endpoints, nodes and the like are looked at no more often than this. */
const CROWD_MS = 50;

export interface StoresOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly loadBalancerClass: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
}

/** All that the agent follows at the API server. */
export interface AgentStores {
  /** Undefined until every kind has been listed once; then the last state known. */
  demand(): ClusterDemand | undefined;
  /** The election's Leases as the watch shows them; the same object until they change. */
  leases(): LeaseCut;
  health(): ReadonlyMap<string, StoreHealth>;
  close(): Promise<void>;
}

/** Starts to follow Services, endpoints, nodes, pools, advertisements and Leases. */
export function openStores(options: StoresOptions): AgentStores {
  const onCrowd = paced(options.clock, CROWD_MS, options.onChange);
  const follow = <T>(resource: Resource<T>, lane: Lane): Store<T> =>
    watchStore({
      ...options,
      resource,
      lane,
      onChange: lane === 'lease' ? options.onChange : onCrowd,
    });
  const leaseStore = follow(electionLeases(options.namespace), 'lease');
  const sources = {
    services: follow(services, 'general'),
    endpointSlices: follow(endpointSlices, 'general'),
    nodes: follow(nodes, 'general'),
    pools: follow(pools(options.namespace), 'general'),
    advertisements: follow(l2Advertisements(options.namespace), 'general'),
  };
  const all: readonly Store<unknown>[] = [leaseStore, ...Object.values(sources)];
  const names = ['leases', ...Object.keys(sources)];
  return {
    demand: remembered(
      // Of the Leases only that they have been read: they change with every heartbeat.
      () => [...all.slice(1).map((store) => store.snapshot()), leaseStore.snapshot().synced],
      () => {
        if (!all.every((store) => store.snapshot().synced)) return undefined;
        const cluster = {
          services: items(sources.services),
          endpointSlices: items(sources.endpointSlices),
          nodes: items(sources.nodes),
          pools: items(sources.pools),
          advertisements: items(sources.advertisements),
        };
        return demandOf(cluster, options.loadBalancerClass);
      },
    ),
    leases: remembered(
      () => [leaseStore.snapshot()],
      () => cutOf(leaseStore.snapshot()),
    ),
    health: () => new Map(all.map((store, index) => [names[index] ?? '', store.health()])),
    close: async () => {
      await Promise.all(all.map((store) => store.close()));
    },
  };
}

function cutOf({ items, revision }: Snapshot<LeaseEntry>): LeaseCut {
  return leaseCut(items.values(), revision);
}

function items<T>(store: Store<T>): readonly T[] {
  return [...store.snapshot().items.values()];
}

/** Computes anew only when one of the inputs is another object than before. */
function remembered<T>(inputs: () => readonly unknown[], compute: () => T): () => T {
  let known: { readonly inputs: readonly unknown[]; readonly value: T } | undefined;
  return () => {
    const current = inputs();
    if (known === undefined || current.some((input, i) => input !== known?.inputs[i])) {
      known = { inputs: current, value: compute() };
    }
    return known.value;
  };
}
