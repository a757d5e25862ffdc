import { readFileSync } from 'node:fs';
import type { Daemon } from '../lab/agents.ts';
import { LabProcess } from '../lab/process.ts';
import type { Node } from '../lab/types.ts';
import type { Writes } from './api-writes.ts';
import { type BenchCluster, responderAddress } from './cluster.ts';
import { type Answers, probe } from './latency.ts';
import { cpuTimeOf, memoryOf } from './process-cost.ts';
import type { Programs } from './programs.ts';
import type { Measured, NodeCost } from './report.ts';

/** The node that answers for a VIP, and its agent; rejects if there is not exactly one. */
export async function ownerOf(
  { lab, agents }: BenchCluster,
  { prober }: Programs,
  vip: string,
): Promise<{ node: Node; agent: Daemon }> {
  const [client] = lab.clients;
  if (client === undefined) throw new Error('the lab has no client to probe from');
  const answers = await probe({ prober, client, targets: [vip], rounds: 5, intervalMs: 200 });
  const macs = [...(answers.get(vip)?.macs ?? [])];
  const node = lab.nodes.find(({ mac }) => macs.length === 1 && macs[0] === mac);
  const agent = agents.find(({ name }) => name === node?.name);
  if (node === undefined || agent === undefined) {
    throw new Error(`${vip} is answered by ${macs.join(' and ') || 'nobody'}, not by one node`);
  }
  return { node, agent };
}

/** Probes the VIP, the node's own address and the C responder beside them, all on the node that owns the VIP. */
export async function probeAll(
  { lab }: BenchCluster,
  programs: Programs,
  at: { readonly node: Node; readonly vip: string },
  pace: { readonly rounds: number; readonly intervalMs: number },
): Promise<Measured['targets']> {
  const { prober, responder: program } = programs;
  const { node, vip } = at;
  const [client] = lab.clients;
  if (client === undefined) throw new Error('the lab has no client to probe from');
  const plan = { prober, client, ...pace };
  // Before the responder runs nobody may answer for its address: neither the kernel nor the agent.
  const silence = await probe({ ...plan, targets: [responderAddress], rounds: 10 });
  if (silence.get(responderAddress)?.lost !== 10) {
    throw new Error(`somebody else answers for ${responderAddress}, the C responder's address`);
  }
  const log = `${lab.controlPlane.folder}/bench-responder.log`;
  const args = [node.link, responderAddress];
  const responder = new LabProcess({ netns: node.netns, program, args, log });
  try {
    const targets = [vip, node.wideIpv4, responderAddress];
    // Not counted: neither side shall pay for being started.
    await probe({ ...plan, targets, rounds: Math.min(200, pace.rounds) });
    const all = await probe({ ...plan, targets });
    const answersOf = (target: string) => checked(target, all.get(target), node);
    return {
      leasehold: answersOf(vip),
      kernel: answersOf(node.wideIpv4),
      responder: answersOf(responderAddress),
    };
  } finally {
    await responder.stop('SIGTERM');
  }
}

function checked(target: string, answers: Answers | undefined, node: Node): Answers {
  const macs = [...(answers?.macs ?? [])];
  if (answers === undefined || macs.length !== 1 || macs[0] !== node.mac) {
    throw new Error(`${target} is answered by ${macs.join(' and ') || 'nobody'}, not ${node.mac}`);
  }
  return answers;
}

/** Milliseconds of processor time per second that every agent and wire takes while `work` runs, by process id. */
export async function cpuWhile<T>(
  { agents }: BenchCluster,
  work: () => Promise<T>,
): Promise<{ result: T; cpu: ReadonlyMap<number, number> }> {
  const pids = agents.flatMap((agent) => [agent.process.pid, wireOf(agent)]);
  const startedAt = performance.now();
  const before = pids.map(cpuTimeOf);
  const result = await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const rate = (pid: number, index: number) => (cpuTimeOf(pid) - (before[index] ?? 0)) / seconds;
  return { result, cpu: new Map(pids.map((pid, index) => [pid, rate(pid, index)])) };
}

/** What agent and wire of every node hold now, beside the processor time that was counted. */
export function costsOf(
  { agents }: BenchCluster,
  atRest: ReadonlyMap<number, number>,
  probed: ReadonlyMap<number, number>,
): NodeCost[] {
  const costOf = (pid: number) => ({
    memory: memoryOf(pid),
    cpuAtRest: atRest.get(pid) ?? Number.NaN,
    cpuProbed: probed.get(pid) ?? Number.NaN,
  });
  return agents.map((agent) => ({
    node: agent.name,
    agent: costOf(agent.process.pid),
    wire: costOf(wireOf(agent)),
  }));
}

/** Writes by node; a Lease is named `hb.<node>` or `claims.<node>`, the latter perhaps with `.<number>` behind. */
export function writesPerNode({ agents }: BenchCluster, writes: Writes): Record<string, number> {
  const perNode: Record<string, number> = {};
  for (const { name } of agents) {
    const own = [...writes.leases].filter(([lease]) => lease.split('.')[1] === name);
    perNode[name] = own.reduce((sum, [, count]) => sum + count, 0);
  }
  return perNode;
}

/** How many VIPs an agent has taken and not given up, by its log. */
export function vipsOf(agent: Daemon): number {
  const owners = new Map<unknown, unknown>();
  for (const line of agent.logLines()) if ('vip' in line) owners.set(line['vip'], line['to']);
  return [...owners.values()].filter((to) => to === agent.name).length;
}

/** Whether every agent and wire runs the bundle as shipped; else the sources, which take more of everything. */
export function programOf({ agents }: BenchCluster): Measured['program'] {
  const runsBundle = (pid: number) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('dist/main.js');
  const pids = agents.flatMap((agent) => [agent.process.pid, wireOf(agent)]);
  return pids.every(runsBundle) ? 'bundle' : 'sources';
}

function wireOf(agent: Daemon): number {
  const wires = agent.wires().map(({ pid }) => pid);
  const [wire] = wires;
  if (wire === undefined || wires.length !== 1) {
    throw new Error(
      `the agent of ${agent.name} has ${wires.length} wires, not the one of its link`,
    );
  }
  return wire;
}
