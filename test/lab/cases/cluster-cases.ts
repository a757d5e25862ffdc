import { setTimeout as sleep } from 'node:timers/promises';
import { installNamespace } from '../agents.ts';
import type { KubeObject } from '../api.ts';
import type { Facts, FaultCase, Made, Scene } from '../fault.ts';
import { answersFrom } from '../judge.ts';
import { nodeObject, nodeStatus } from '../kube-proxy.ts';
import { labObjects } from '../running-lab.ts';
import { handedOver, OTHERS_MS, unnoticed } from './bounds.ts';

/** A deleted Service is answered for no longer than this. */
const WITHDRAWN_MS = { short: 2000, long: 1000 };
const WITHDRAWN_WITH_POOL =
  'a VIP that no pool or no advertisement covers any more is withdrawn at once: VIPStatus, which is ' +
  'to record what was given, does not exist yet';
const FLAPS = 50;
const FLAP_MS = 100;

/** What the cluster's administrators do while VIPs are served. */
export const CLUSTER_CASES: readonly FaultCase[] = [
  {
    name: 'pool-deleted',
    number: 50,
    what: 'the pool is deleted: a VIP that was given from it stays',
    notMet: WITHDRAWN_WITH_POOL,
    watchMs: 3000,
    accept: unnoticed(),
    async make({ running, lab }) {
      const [pool] = labObjects(running.pool);
      await lab.controlPlane.api.delete(pool);
      return { restore: () => lab.apply(pool) };
    },
  },
  {
    name: 'service-deleted',
    number: 50,
    what: 'the Service is deleted: its VIP is answered for no longer than 1 s',
    watchMs: 3000,
    accept: {
      'leases alone': { otherMoves: 0, othersUnansweredMs: OTHERS_MS },
      'with witness': { otherMoves: 0, othersUnansweredMs: OTHERS_MS },
    },
    make: serviceDeleted,
  },
  {
    name: 'crds-deleted',
    number: 50,
    what: 'the CRDs are deleted, and with them pool and advertisement: what is served stays',
    notMet: WITHDRAWN_WITH_POOL,
    watchMs: 5000,
    accept: unnoticed(),
    async make({ running, lab }) {
      const crds = ['ipaddresspools', 'l2advertisements'].map((name) => `${name}.leasehold.dev`);
      await lab.controlPlane.kubectl(['delete', 'crd', '--wait=false', ...crds]);
      return {
        async restore() {
          await lab.controlPlane.kubectl(['wait', '--for=delete', '--timeout=20s', 'crd', ...crds]);
          await lab.install();
          for (const object of labObjects(running.pool)) await lab.apply(object);
        },
      };
    },
  },
  {
    name: 'endpoint-flaps',
    number: 53,
    what: "the owner's only endpoint of an eTP Local Service flaps 10 times a second, and stays away",
    watchMs: 2500,
    accept: { 'leases alone': { moves: 4 }, 'with witness': { moves: 4 } },
    make: endpointFlaps,
  },
  {
    name: 'cordon',
    number: 54,
    what: 'kubectl cordon of the node of the owner',
    watchMs: 3000,
    accept: handedOver(),
    make: (scene) => kubectl(scene, ['cordon'], ['uncordon']),
  },
  {
    name: 'drain-taint',
    number: 54,
    what: 'the taint of a drained node without the cordon',
    watchMs: 3000,
    accept: handedOver(),
    async make(scene) {
      const taint = 'node.kubernetes.io/unschedulable:NoSchedule';
      return kubectl(scene, ['taint', 'node'], ['taint', 'node'], [taint]);
    },
  },
  {
    name: 'node-deleted',
    number: 54,
    what: "the Node object of the owner is deleted, and with it the owner's Leases",
    watchMs: 5000,
    accept: handedOver(),
    make: nodeDeleted,
  },
];

async function serviceDeleted({ lab, vip, service, length }: Scene): Promise<Made> {
  const metadata = { name: service, namespace: 'default' };
  const madeAt = Date.now();
  await lab.controlPlane.api.delete({ apiVersion: 'v1', kind: 'Service', metadata });
  return {
    check({ report }: Facts) {
      const late = (report.vips.get(vip)?.assertions ?? []).filter(
        ({ at }) => at > madeAt + WITHDRAWN_MS[length],
      );
      return late.length === 0
        ? []
        : [`${late.length} answers later than ${WITHDRAWN_MS[length]} ms`];
    },
    async restore() {
      await lab.service({ name: service, backends: lab.backends });
      const again = await lab.vip(service);
      if (again !== vip) throw new Error(`Service ${service} got ${again} instead of ${vip}`);
    },
  };
}

async function endpointFlaps(scene: Scene): Promise<Made> {
  const { running, lab, vip, service, owner, length } = scene;
  const backend = lab.backends.find(({ node }) => node === owner.name);
  if (backend === undefined) throw new RangeError(`${owner.name} has no backend`);
  const local = { name: service, backends: lab.backends, externalTrafficPolicy: 'Local' } as const;
  await lab.service(local);
  await sleep(500);
  for (let flap = 0; flap < FLAPS; flap += 1) {
    const notReady = flap % 2 === 0 ? [backend.name] : [];
    await Promise.all([lab.service({ ...local, notReady }), sleep(FLAP_MS)]);
  }
  await lab.service({ ...local, notReady: [backend.name] });
  const goneAt = Date.now();
  return {
    check({ report }: Facts) {
      const late = answersFrom(report, owner.name, goneAt + WITHDRAWN_MS[length]);
      const wrong = late.filter((one) => one.vip === vip);
      return wrong.length === 0 ? [] : [`${wrong.length} answers of a node without an endpoint`];
    },
    async restore() {
      await lab.service({ name: service, backends: lab.backends });
      await running.answered(vip);
    },
  };
}

async function kubectl(
  { running, lab, owner }: Scene,
  before: readonly string[],
  after: readonly string[],
  [taint]: readonly string[] = [],
): Promise<Made> {
  const { controlPlane } = lab;
  await controlPlane.kubectl([...before, owner.name, ...(taint === undefined ? [] : [taint])]);
  return {
    check: hasLeft,
    async restore() {
      const undone = taint === undefined ? [] : [`${taint}-`];
      await controlPlane.kubectl([...after, owner.name, ...undone]);
      await running.joined(owner);
    },
  };
}

function hasLeft({ scene: { lab, vip, owner }, report }: Facts): string[] {
  // Where there is nowhere to go it stays.
  if (lab.nodes.length === 1) return [];
  const last = report.vips.get(vip)?.owners.at(-1)?.host;
  return last === owner.name ? [`${vip} is still at ${owner.name}`] : [];
}

async function nodeDeleted({ running, lab, owner }: Scene): Promise<Made> {
  const { api } = lab.controlPlane;
  const leases = ['hb', 'claims'].map((kind): KubeObject => {
    const metadata = { name: `${kind}.${owner.name}`, namespace: installNamespace };
    return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata };
  });
  await api.delete(nodeObject(owner, {}));
  return {
    check: hasLeft,
    async restore() {
      // A machine that joins its cluster again: a new Node object, a new start of the agent.
      await running.agent(owner).process.stop('SIGTERM');
      for (const lease of leases) await api.delete(lease).catch(() => {});
      await api.apply(nodeObject(owner, {}));
      const path = `/api/v1/nodes/${owner.name}/status`;
      await api.request('PATCH', path, nodeStatus(owner), 'application/strategic-merge-patch+json');
      await running.startAgent(owner);
    },
  };
}
