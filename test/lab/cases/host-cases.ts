import { setTimeout as sleep } from 'node:timers/promises';
import { installNamespace } from '../agents.ts';
import { type Facts, type FaultCase, type Made, type Scene, tool } from '../fault.ts';
import type { Node } from '../types.ts';
import { until } from '../until.ts';
import { OTHERS_MS, SEAMLESS_MS, unnoticed } from './bounds.ts';

const HOUR_S = 3600;
const YEARS_S = 10 * 365 * 24 * HOUR_S;
/** Of one core: 50 m in the words of Kubernetes. */
const CPU_SHARE = 0.05;
/** Less than an agent at rest takes. */
const LEAST_CPU_SHARE = 0.015;
/** Beyond the longest failover by lease alone. */
const FAILOVER_MS = 4000;
const NEVER_MOVED = { otherMoves: 0, othersUnansweredMs: OTHERS_MS };

/** Faults of the host that an agent runs on, and of who else runs there. */
export const HOST_CASES: readonly FaultCase[] = [
  {
    name: 'wall-clock',
    number: 24,
    what: "the owner's wall clock jumps by an hour and by ten years, forth and back",
    standsIn:
      'the processes of a machine share its wall clock: a library preloaded into the agent and its ' +
      'wires moves CLOCK_REALTIME for them alone',
    watchMs: 1500,
    accept: unnoticed(),
    make: clockSet,
  },
  {
    name: 'starved',
    number: 55,
    what: 'agent and wires have 128 MB of memory for good, and get 5 % of a core for 4 s, then 1.5 %',
    watchMs: 6000,
    // Whatever it can do at that pace is well; two must never answer.
    accept: { 'leases alone': NEVER_MOVED, 'with witness': NEVER_MOVED },
    make: starved,
  },
  {
    name: 'second-agent',
    number: 56,
    what: 'a second agent is started on the node: it waits, and leaves again',
    watchMs: 3000,
    accept: unnoticed(),
    async make({ running, owner }) {
      // A Pod of its own, with limits of its own: together they would need more than 128 MB.
      const second = await running.startBeside(owner, { limits: undefined });
      return {
        end: async () => void (await second.process.stop('SIGTERM')),
        check: () => (second.wires().length === 0 ? [] : ['the second agent has started a wire']),
      };
    },
  },
  {
    name: 'same-name',
    number: 57,
    what: "an agent with the owner's node name is started on another node for 8 s",
    standsIn: 'the two machines share a kernel: their network namespaces tell them apart',
    watchMs: 8000,
    // The other node gives up its own VIPs first.
    accept: {
      'leases alone': { unansweredMs: SEAMLESS_MS, udpLost: 0, moves: 0, otherMoves: 4 },
      'with witness': { unansweredMs: SEAMLESS_MS, udpLost: 0, moves: 0, otherMoves: 4 },
    },
    make: impersonated,
  },
  {
    name: 'mixed-versions',
    number: 58,
    what:
      'two of three nodes run the previous version: the owner of the newest version is killed, then ' +
      'that of the previous one',
    standsIn: 'no release exists yet: the previous version is the last commit without a witness',
    needs: 'the history of the repository, to build the previous version from',
    watchMs: 500,
    // The previous version has no witness: the leases decide.
    accept: {
      'leases alone': { unansweredMs: 3300, moves: 5, udpLost: 0 },
      'with witness': { unansweredMs: 3300, moves: 5, udpLost: 0 },
    },
    make: mixed,
  },
];

async function clockSet(scene: Scene): Promise<Made> {
  const { owner } = scene;
  const clocks = tool(scene, 'clocks');
  const wrong: string[] = [];
  for (const seconds of [HOUR_S, -HOUR_S, YEARS_S, -YEARS_S]) {
    clocks.set(owner, seconds);
    await sleep(2000);
    const ahead = ((await renewTime(scene)) - Date.now()) / 1000;
    // The protocol takes no notice of the clock, but the agent itself must have seen it.
    if (Math.abs(ahead - seconds) > 60) wrong.push(`the clock is ${ahead} s ahead, not ${seconds}`);
  }
  return { end: async () => clocks.set(owner, 0), check: () => wrong };
}

/** When the owner says that it has renewed its heartbeat lease, in milliseconds since 1970. */
async function renewTime({ lab, owner }: Scene): Promise<number> {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${installNamespace}/leases`;
  const lease = (await lab.controlPlane.api.request('GET', `${leases}/hb.${owner.name}`)) as {
    readonly spec: { readonly renewTime: string };
  };
  return Date.parse(lease.spec.renewTime);
}

async function starved(scene: Scene): Promise<Made> {
  const { running, owner } = scene;
  const group = tool(scene, 'limits').get(owner.name);
  if (group === undefined) throw new RangeError(`the agent of ${owner.name} has no limits`);
  const [endedBefore, throttledBefore] = [group.outOfMemory(), group.throttled()];
  group.setCpu(CPU_SHARE);
  await sleep(4000);
  group.setCpu(LEAST_CPU_SHARE);
  return {
    async end() {
      group.setCpu(undefined);
      await sleep(3000);
    },
    check: () => [
      ...(group.outOfMemory() === endedBefore ? [] : ['128 MB were not enough']),
      ...(group.throttled() > throttledBefore ? [] : ['the limit was never reached']),
    ],
    restore: () => running.joined(owner),
  };
}

/** Two of three nodes run the previous version: each version takes over from the other. */
async function mixed(scene: Scene): Promise<Made> {
  const { running, lab, owner, vip } = scene;
  const program = tool(scene, 'previous');
  const previously = async (node: Node) => {
    await running.agent(node).process.stop('SIGTERM');
    await running.startWaiting(node, { program });
    await running.joined(node);
  };
  const killed = async () => {
    await running.answered(vip);
    const victim = await until(`${vip} has an owner`, () => running.claimant(vip));
    running.agent(victim).signal('SIGKILL', 'tree');
    await sleep(FAILOVER_MS);
    return victim;
  };
  await previously(owner);
  const heir = await until(`${vip} has an owner`, () => running.claimant(vip));
  const third = lab.nodes.find(({ name }) => name !== owner.name && name !== heir.name);
  if (third !== undefined) await previously(third);
  // The newest version owns the VIP, so a node of the previous one takes over; then the reverse.
  await running.startAgent(await killed());
  const second = await killed();
  return {
    check: ({ successor }: Facts) => (successor === undefined ? ['nobody took over'] : []),
    async restore() {
      for (const node of lab.nodes) {
        if (node.name !== second.name) await running.agent(node).process.stop('SIGTERM');
        await running.startAgent(node);
      }
    },
  };
}

async function impersonated({ running, lab, owner }: Scene): Promise<Made> {
  const other = lab.nodes.find(({ name }) => name !== owner.name) ?? owner;
  await running.agent(other).process.stop('SIGTERM');
  const impostor = await running.startBeside(other, { nodeName: owner.name });
  return {
    async end() {
      await impostor.process.stop('SIGTERM');
      await sleep(3000);
    },
    check: ({ report, scene: { vip } }: Facts) => {
      const last = report.vips.get(vip)?.stretches.at(-1);
      const isDeaf = last !== undefined && last.to === undefined;
      const isTold = impostor.process.output().includes(`under the node name ${owner.name} `);
      return [
        ...(isDeaf ? ['nobody answers after it left'] : []),
        ...(isTold ? [] : ['the second agent does not say why it waits']),
      ];
    },
    async restore() {
      await running.startAgent(other);
      await running.joined(owner);
    },
  };
}
