import { OwnAccount } from './accounts.ts';
import { proxyPort, startApiProxy } from './api-proxy.ts';
import { ACCOUNT_CASES } from './cases/account-cases.ts';
import { API_CASES } from './cases/api-cases.ts';
import { CLUSTER_CASES } from './cases/cluster-cases.ts';
import { HOST_CASES } from './cases/host-cases.ts';
import { LEASE_CASES } from './cases/lease-cases.ts';
import { PROCESS_CASES } from './cases/process-cases.ts';
import { PROXY_CASES } from './cases/proxy-cases.ts';
import { QUIET_CASES } from './cases/quiet-cases.ts';
import { SEGMENT_CASES } from './cases/segment-cases.ts';
import type { FaultCase, FaultResult, FaultTools } from './fault.ts';
import { type FaultRunOptions, runFault } from './fault-run.ts';
import type { Lab } from './lab.ts';
import { previousVersion } from './previous-version.ts';
import type { RunningLabOptions } from './running-lab.ts';
import { type Launcher, type RunningLab, startRunningLab } from './running-lab.ts';
import { WallClocks } from './wall-clock.ts';

export type FaultLabName =
  | 'processes'
  | 'hosts'
  | 'API server'
  | 'API proxy'
  | 'segment'
  | 'cluster';

/** Cases that share one lab. */
export interface FaultLab {
  readonly name: FaultLabName | 'owner';
  readonly cases: readonly FaultCase[];
  equip(lab: Lab, cases: readonly FaultCase[]): Promise<Equipment>;
}

interface Equipment {
  readonly tools: FaultTools;
  readonly launch: Launcher;
}

export const FAULT_LABS: readonly FaultLab[] = [
  { name: 'processes', cases: [...PROCESS_CASES, ...QUIET_CASES], equip: plainly },
  { name: 'hosts', cases: HOST_CASES, equip: withHostTools },
  {
    name: 'API server',
    cases: [...API_CASES, ...LEASE_CASES, ...ACCOUNT_CASES],
    equip: (lab) => withAccounts(lab),
  },
  { name: 'API proxy', cases: PROXY_CASES, equip: withProxy },
  { name: 'segment', cases: SEGMENT_CASES, equip: plainly },
  { name: 'cluster', cases: CLUSTER_CASES, equip: plainly },
];

/** The lab of that name, with all its cases. */
export function faultLab(name: FaultLabName): FaultLab {
  const found = FAULT_LABS.find((each) => each.name === name);
  if (found === undefined) throw new RangeError(`there is no fault lab ${name}`);
  return found;
}

/** Faults of the owner that need no tools, from several labs in one. */
export function ownerLab(names: readonly string[]): FaultLab {
  const all = FAULT_LABS.flatMap(({ cases }) => cases);
  return { name: 'owner', cases: all.filter(({ name }) => names.includes(name)), equip: plainly };
}

/** Names of the Services whose VIPs are judged; the first one's is watched most closely. */
const SERVICES = ['web', 'mail', 'dns', 'chat'] as const;

/** A running lab for fault cases, with four VIPs. */
export class RunningFaultLab implements AsyncDisposable {
  readonly running: RunningLab;
  readonly #tools: FaultTools;
  readonly #vips: readonly string[];

  constructor(running: RunningLab, tools: FaultTools, vips: readonly string[]) {
    this.running = running;
    this.#tools = tools;
    this.#vips = vips;
  }

  /** Makes the fault once and puts it right. */
  run(fault: FaultCase, how: Pick<FaultRunOptions, 'length' | 'watchMs'>): Promise<FaultResult> {
    const [vip = '', ...others] = this.#vips;
    const [service] = SERVICES;
    return runFault(this.running, fault, vip, { ...how, tools: this.#tools, service, others });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tools.proxy?.close();
    await this.running[Symbol.asyncDispose]();
  }
}

export async function startFaultLab(
  { equip, cases }: FaultLab,
  options: RunningLabOptions,
): Promise<RunningFaultLab> {
  let equipment: Equipment | undefined;
  const running = await startRunningLab({
    clients: 2,
    ...options,
    beforeAgents: async (lab) => {
      equipment = await equip(lab, cases);
    },
    launch: (lab, node) => equipment?.launch(lab, node) ?? {},
  });
  const { lab } = running;
  try {
    for (const name of SERVICES) await lab.service({ name, backends: lab.backends });
    const vips = await Promise.all(SERVICES.map((name) => lab.vip(name)));
    return new RunningFaultLab(running, equipment?.tools ?? {}, vips);
  } catch (error) {
    await running[Symbol.asyncDispose]();
    throw error;
  }
}

async function plainly(): Promise<Equipment> {
  return { tools: {}, launch: () => ({}) };
}

/** What a container of the agent may have. */
const MEMORY_BYTES = 128 * 2 ** 20;

async function withHostTools(lab: Lab, cases: readonly FaultCase[]): Promise<Equipment> {
  const clocks = await WallClocks.build(lab);
  const isMixed = cases.some(({ name }) => name === 'mixed-versions');
  const previous = isMixed ? { previous: await previousVersion(lab) } : {};
  const limits = new Map(lab.nodes.map(({ name }) => [name, lab.limits(name, MEMORY_BYTES)]));
  return {
    tools: { clocks, limits, ...previous },
    launch: (_, node) => {
      const group = limits.get(node.name);
      return { env: clocks.environment(node), ...(group !== undefined && { limits: group }) };
    },
  };
}

async function withAccounts(lab: Lab, port?: number): Promise<Equipment> {
  const accounts = new Map(lab.nodes.map((node) => [node.name, new OwnAccount(lab, node, port)]));
  await Promise.all([...accounts.values()].map((account) => account.make()));
  return {
    tools: { accounts },
    launch: (_, { name }) => {
      const kubeconfig = accounts.get(name)?.kubeconfig;
      return kubeconfig === undefined ? {} : { kubeconfig };
    },
  };
}

async function withProxy(lab: Lab): Promise<Equipment> {
  const { tools, launch } = await withAccounts(lab, proxyPort);
  return { tools: { ...tools, proxy: await startApiProxy(lab.controlPlane) }, launch };
}
