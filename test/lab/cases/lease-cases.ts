import { installNamespace } from '../agents.ts';
import type { FaultCase, Scene } from '../fault.ts';
import { unnoticed } from './bounds.ts';

const MERGE = 'application/merge-patch+json';
/** Lapse, a new incarnation, claims and a barrier (catalogue: 100 pings). */
const REJOIN_MS = 1000;
/** The VIP may come back to its owner or go to another node; nobody else's may do anything. */
const REJOINED = unnoticed({ unansweredMs: REJOIN_MS, moves: 1 });

type LeaseKind = 'hb' | 'claims';

/** What people do to the Leases of the owner. */
export const LEASE_CASES: readonly FaultCase[] = [
  touched({
    name: 'heartbeat-deleted',
    number: 26,
    what: "the owner's heartbeat lease is deleted",
    touch: (scene) => remove(scene, 'hb'),
  }),
  touched({
    name: 'claims-deleted',
    number: 26,
    what: "the owner's claims lease is deleted",
    touch: (scene) => remove(scene, 'claims'),
  }),
  touched({
    name: 'holder-edited',
    number: 27,
    what: "the owner's heartbeat lease gets another holder",
    touch: (scene) => merge(scene, 'hb', { spec: { holderIdentity: 'somebody/else/1' } }),
  }),
  touched({
    name: 'renewed-next-year',
    number: 27,
    what: "the renewTime of the owner's heartbeat lease is set a year ahead",
    touch: (scene) => merge(scene, 'hb', { spec: { renewTime: nextYear() } }),
  }),
  touched({
    name: 'claims-garbage',
    number: 27,
    what: "every annotation of the owner's claims lease is garbage",
    touch: (scene) => merge(scene, 'claims', annotated('{"\n\t]')),
  }),
  touched({
    name: 'claims-huge',
    number: 27,
    what: "the claims annotation of the owner's claims lease has 200 kB",
    touch: (scene) => merge(scene, 'claims', annotated('x'.repeat(200_000 / 6))),
  }),
];

function touched(one: {
  readonly name: string;
  readonly number: number;
  readonly what: string;
  readonly touch: (scene: Scene) => Promise<unknown>;
}): FaultCase {
  const { touch, ...named } = one;
  return {
    ...named,
    watchMs: 3000,
    accept: REJOINED,
    async make(scene) {
      const { running, owner } = scene;
      await touch(scene);
      return {
        check: () =>
          running.agent(owner).process.exit === undefined ? [] : ['the agent has ended'],
        restore: () => running.joined(owner),
      };
    },
  };
}

function remove({ lab, owner }: Scene, kind: LeaseKind): Promise<unknown> {
  return lab.controlPlane.api.request('DELETE', pathOf(kind, owner.name));
}

function merge({ lab, owner }: Scene, kind: LeaseKind, patch: unknown): Promise<unknown> {
  return lab.controlPlane.api.request('PATCH', pathOf(kind, owner.name), patch, MERGE);
}

function pathOf(kind: LeaseKind, node: string): string {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${installNamespace}/leases`;
  return `${leases}/${kind}.${node}`;
}

function annotated(text: string) {
  const names = ['claims', 'fences', 'links', 'joined', 'draining', 'timing'];
  const annotations = Object.fromEntries(names.map((name) => [`leasehold.dev/${name}`, text]));
  return { metadata: { annotations } };
}

function nextYear(): string {
  return new Date(Date.now() + 365 * 86_400_000).toISOString().replace('Z', '000Z');
}
