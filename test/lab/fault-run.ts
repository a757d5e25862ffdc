import { setTimeout as sleep } from 'node:timers/promises';
import { load } from '../bench/machine.ts';
import {
  type Facts,
  type FaultCase,
  type FaultResult,
  type FaultTools,
  type Length,
  type Made,
  type Scene,
  watchOf,
} from './fault.ts';
import { answersFrom, type JudgeReport, startJudge } from './judge.ts';
import { type Probe, startProbe } from './probe.ts';
import type { RunningLab } from './running-lab.ts';
import { udpPort } from './service.ts';
import { ownerTimeline } from './tables.ts';
import { until } from './until.ts';

export interface FaultRunOptions {
  readonly tools?: FaultTools;
  /** Name of the Service that the VIP is of; `web` if not given. */
  readonly service?: string;
  /** More VIPs to be judged. */
  readonly others?: readonly string[];
  readonly length?: Length;
  /** How long the fault is watched, in place of what its case says, ms. */
  readonly watchMs?: number | undefined;
}

/** Beyond this, a pause in a probe's own sending is told with the result. */
const STALL_MS = 60;
/** The judge lists waits from here on. */
const LISTED_MS = 50;
/** A bystander's address, so that the probe's answers do not refresh the client's own cache. */
const BYSTANDER = { mac: '02:00:00:00:0b:01', ipv4: '192.0.2.199' };

/** Makes the fault once on whoever owns the VIP, while judge and probes watch, and puts it right. */
export async function runFault(
  running: RunningLab,
  fault: FaultCase,
  vip: string,
  options: FaultRunOptions = {},
): Promise<FaultResult> {
  const { tools = {}, service = 'web', others = [], length = 'short' } = options;
  const watchMs = options.watchMs ?? watchOf(fault, length);
  const { lab } = running;
  const vips = [vip, ...others];
  for (const each of vips) await running.answered(each);
  const owner = await until(`${vip} has an owner`, () => running.claimant(vip));
  const owned = (await running.claims()).get(owner.name) ?? [];
  const bystanders = others.filter((each) => !owned.includes(each));
  const place = { running, lab, tools, vip, service };
  const scene: Scene = { ...place, owner, vips, bystanders, length };
  const judge = await startJudge({ ...lab.segment, vips });
  const probes = await watch(scene, others);
  // Anywhere within a renewal: without chance the runs of a series would all hit the same moment.
  await sleep(500 + Math.random() * 1000);
  const madeAt = judge.mark(`${fault.name} on ${owner.name}`);
  const made = await fault.make(scene);
  await sleep(watchMs);
  const endedAt = judge.mark(`${fault.name} ends`);
  await made.end?.();
  const { udp, stalls } = await stopped(probes);
  const report = await judge.finish();
  const successor = (await running.claimant(vip).catch(() => undefined))?.name;
  const facts = { scene, report, madeAt, endedAt, successor };
  const wrong = (await made.check?.(facts)) ?? [];
  const words = agentWords(running, report.from);
  await made.restore?.();
  return {
    case: fault.name,
    number: fault.number,
    protection: running.protection,
    nodes: lab.nodes.length,
    length,
    watchMs,
    at: new Date(report.from).toISOString(),
    load: load(),
    owner: owner.name,
    successor,
    ...figures(facts, made),
    udpSent: udp?.sent ?? 0,
    udpLost: udp?.lost ?? 0,
    wrong,
    complaints: [...(report.health?.complaints ?? []), ...stalls],
    more: made.more?.(facts) ?? {},
    timeline: [...ownerTimeline(report), ...words],
  };
}

function watch({ lab, vip }: Scene, others: readonly string[]): Promise<Probe[]> {
  const from = lab.client('c1');
  const asOther = { from, kind: 'arp', sender: BYSTANDER } as const;
  return Promise.all([
    startProbe({ ...asOther, target: vip }),
    startProbe({ from, kind: 'udp', target: vip, port: udpPort }),
    ...(others.length === 0 ? [] : [startProbe({ ...asOther, target: others })]),
  ]);
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

function figures(facts: Facts, made: Made) {
  const { scene, report, madeAt, endedAt, successor } = facts;
  const { vip, vips, owner, bystanders } = scene;
  const doubled = vips.reduce((sum, each) => sum + (report.vips.get(each)?.doubled.length ?? 0), 0);
  // Of a node that lost the VIP while it was stopped, whatever it says after it woke is too much.
  const gone = made.end !== undefined && successor !== undefined && successor !== owner.name;
  return {
    longestUnansweredMs: longest(report, vip, madeAt),
    othersUnansweredMs: Math.max(0, ...bystanders.map((each) => longest(report, each, madeAt))),
    backMs: Math.max(0, ...vips.map((each) => lastWait(report, each) - endedAt)),
    moves: movesOf(facts, vip),
    otherMoves: bystanders.reduce((sum, each) => sum + movesOf(facts, each), 0),
    doubled,
    stale: gone && made.isStopped ? staleAnswers(report, scene, endedAt) : 0,
  };
}

function staleAnswers(report: JudgeReport, { vip, owner }: Scene, after: number): number {
  return answersFrom(report, owner.name, after).filter((one) => one.vip === vip).length;
}

/** What the agents of today have logged since, in order of time. */
function agentWords(running: RunningLab, from: number): string[] {
  return running.lab.nodes
    .flatMap((node) =>
      running
        .agent(node)
        .logLines()
        .map((line) => ({ node, line })),
    )
    .map(({ node, line }) => ({ node, line, at: Date.parse(String(line['time'])) }))
    .filter(({ line, at }) => at >= from && line['level'] !== 'debug')
    .sort((a, b) => a.at - b.at)
    .map(({ node, line, at }) => {
      const { msg, reason } = line;
      const why = reason === undefined || String(msg).includes(String(reason)) ? '' : `: ${reason}`;
      return `${((at - from) / 1000).toFixed(3).padStart(8)} s  ${node.name}: ${msg}${why}`;
    });
}

/** The longest wait that was not over when the fault was made. */
function longest(report: JudgeReport, vip: string, madeAt: number): number {
  const record = report.vips.get(vip);
  if (record?.longest === undefined) return Number.NaN;
  const waits = record.stretches.filter(({ to }) => to === undefined || to > madeAt);
  // Shorter ones have no place of their own in the record.
  if (waits.length === 0) return Math.min(record.longest.ms, LISTED_MS);
  return Math.max(...waits.map(({ ms }) => ms));
}

/** When the last long wait for an answer was over. */
function lastWait(report: JudgeReport, vip: string): number {
  const waits = report.vips.get(vip)?.stretches ?? [];
  return Math.max(0, ...waits.map(({ to }) => to ?? report.to));
}

/** Changes of the owner, without those that failback made: these come when a minute is over. */
function movesOf({ scene: { running }, report }: Facts, vip: string): number {
  const changes = (report.vips.get(vip)?.owners.length ?? 0) - 1;
  const failbacks = running.lab.nodes
    .flatMap((node) => running.agent(node).logLines())
    .filter((line) => line['vip'] === vip && line['to'] === undefined)
    .filter(({ reason }) => String(reason).startsWith('failback to '))
    .filter(({ time }) => Date.parse(String(time)) > report.from);
  return Math.max(0, changes - failbacks.length);
}
