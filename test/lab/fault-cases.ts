import { setTimeout as sleep } from 'node:timers/promises';
import { answersFrom, startJudge } from './judge.ts';
import { type Probe, startProbe } from './probe.ts';
import type { RunningLab } from './running-lab.ts';
import { udpPort } from './service.ts';
import { ownerTimeline } from './tables.ts';
import type { Node } from './types.ts';
import { until } from './until.ts';

/** A fault on the owner of the VIP, and how everything is put right again. */
export interface FaultCase {
  readonly name: string;
  readonly what: string;
  /** How long the fault is watched after it was made. */
  readonly watchMs: number;
  inject(running: RunningLab, owner: Node): Promise<void>;
  /** Called while judge and probes still watch; may return when a stopped owner was woken. */
  wake?(running: RunningLab, owner: Node): Promise<void>;
  /** Called after the watch, before the next run. */
  restore(running: RunningLab, owner: Node): Promise<void>;
}

/** What one run of a fault showed. */
export interface FaultResult {
  readonly case: string;
  readonly owner: string;
  readonly successor: string | undefined;
  /** Longest time that a client's ARP requests went unanswered, ms. */
  readonly longestUnansweredMs: number;
  /** Requests that two MACs answered. */
  readonly doubled: number;
  /** Answers and announcements of the faulty owner after it was woken. */
  readonly stale: number;
  readonly udpSent: number;
  readonly udpLost: number;
  /** Why the run proves less than it should, if it does: lost frames, stalls of the probes. */
  readonly complaints: readonly string[];
  /** Who had the VIP when, for people. */
  readonly timeline: readonly string[];
}

const FAILOVER_WATCH_MS = 4500;
/** Beyond this, a pause in a probe's own sending is told with the result. */
const STALL_MS = 60;

export const FAULT_CASES: readonly FaultCase[] = [
  {
    name: 'crash',
    what: 'the node loses power: links dark, every process killed',
    watchMs: FAILOVER_WATCH_MS,
    inject: ({ lab }, owner) => lab.faults.crash(owner),
    async restore(running, owner) {
      await running.lab.restore(owner);
      await running.startAgent(owner);
    },
  },
  {
    name: 'kill',
    what: 'SIGKILL of the agent and its wires',
    watchMs: FAILOVER_WATCH_MS,
    inject: async (running, owner) => running.agent(owner).signal('SIGKILL', 'tree'),
    restore: async (running, owner) => void (await running.startAgent(owner)),
  },
  {
    name: 'term',
    what: 'SIGTERM of the agent: a clean shutdown',
    watchMs: 2500,
    inject: async (running, owner) => running.agent(owner).signal('SIGTERM', 'tree'),
    restore: async (running, owner) => void (await running.startAgent(owner)),
  },
  {
    name: 'api-cut',
    what: 'the owner loses the API server, both directions; the segment stays',
    watchMs: FAILOVER_WATCH_MS,
    inject: ({ lab }, owner) => lab.faults.cutApi(owner, 'both'),
    async restore(running, owner) {
      await running.lab.faults.healApi(owner);
      await running.joined(owner);
    },
  },
  {
    name: 'stop',
    what: 'SIGSTOP of agent and wires for 20 s, then SIGCONT',
    watchMs: 20_000,
    inject: async (running, owner) => running.agent(owner).signal('SIGSTOP', 'tree'),
    async wake(running, owner) {
      running.agent(owner).signal('SIGCONT', 'tree');
      await sleep(2000);
    },
    restore: (running, owner) => running.joined(owner),
  },
  {
    name: 'stop-agent',
    what: 'SIGSTOP of the agent process alone for 6 s, then SIGCONT',
    watchMs: 6000,
    inject: async (running, owner) => running.agent(owner).signal('SIGSTOP', 'process'),
    async wake(running, owner) {
      running.agent(owner).signal('SIGCONT', 'process');
      await sleep(2000);
    },
    restore: (running, owner) => running.joined(owner),
  },
  {
    name: 'stop-wire',
    what: 'SIGSTOP of one wire alone: it is killed and replaced',
    watchMs: 2500,
    async inject(running, owner) {
      for (const { pid } of running.agent(owner).wires()) process.kill(pid, 'SIGSTOP');
    },
    restore: (running, owner) => running.joined(owner),
  },
  {
    name: 'link-down',
    what: 'the data link is set down on the node (which aborts cap), then up again',
    watchMs: 2500,
    inject: ({ lab }, owner) => lab.faults.linkDown(owner),
    async restore(running, owner) {
      await running.lab.faults.linkUp(owner);
      await running.joined(owner);
    },
  },
];

/** A bystander's address, so that the probe's answers do not refresh the client's own cache. */
const BYSTANDER = { mac: '02:00:00:00:0b:01', ipv4: '192.0.2.199' };

/** Makes the fault once on whoever owns the VIP, while judge and probes watch, and puts it right. */
export async function runFault(
  running: RunningLab,
  fault: FaultCase,
  vip: string,
): Promise<FaultResult> {
  const { lab } = running;
  const client = lab.clients[0];
  if (client === undefined) throw new RangeError('a fault needs a client to watch it');
  await running.answered(vip);
  const owner = await until(`${vip} has an owner`, () => running.claimant(vip));
  const judge = await startJudge({ ...lab.segment, vips: [vip] });
  const arp = await startProbe({ from: client, kind: 'arp', target: vip, sender: BYSTANDER });
  const udp = await startProbe({ from: client, kind: 'udp', target: vip, port: udpPort });
  // Anywhere within a renewal: without chance the runs of a series would all hit the same moment of it.
  await sleep(500 + Math.random() * 1000);
  const faultAt = judge.mark(`${fault.name} on ${owner.name}`);
  await fault.inject(running, owner);
  await sleep(fault.watchMs);
  const wokenAt = fault.wake === undefined ? undefined : judge.mark(`${owner.name} wakes`);
  await fault.wake?.(running, owner);
  const probes = await stopped([arp, udp]);
  const report = await judge.finish();
  const successor = (await running.claimant(vip))?.name;
  await fault.restore(running, owner);
  const record = report.vips.get(vip);
  return {
    case: fault.name,
    owner: owner.name,
    successor,
    longestUnansweredMs: record?.longest?.ms ?? Number.NaN,
    doubled: record?.doubled.length ?? Number.NaN,
    stale:
      wokenAt === undefined || successor === owner.name
        ? 0
        : answersFrom(report, owner.name, wokenAt).length,
    udpSent: probes.udp?.sent ?? 0,
    udpLost: probes.udp?.lost ?? 0,
    complaints: [...(report.health?.complaints ?? []), ...probes.stalls],
    timeline: ownerTimeline(report).map((line) => line.replace(String(faultAt), '')),
  };
}

async function stopped(probes: readonly Probe[]) {
  const summaries = await Promise.all(probes.map((probe) => probe.stop()));
  const stalls = summaries.flatMap(({ kind, ownStalls }) =>
    ownStalls
      .filter(({ ms }) => ms > STALL_MS)
      .map(({ ms }) => `the ${kind} probe itself paused for ${ms.toFixed(0)} ms`),
  );
  return { udp: summaries.find(({ kind }) => kind === 'udp'), stalls };
}
