import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from '../lab/agents.ts';
import { answersFrom, type Judge, type JudgeReport, startJudge } from '../lab/judge.ts';
import type { Lab } from '../lab/lab.ts';
import { startProbe } from '../lab/probe.ts';
import type { ProbeSummary } from '../lab/prober/protocol.ts';
import { udpPort } from '../lab/service.ts';
import { ownerTimeline, tableLines } from '../lab/tables.ts';
import type { Node } from '../lab/types.ts';
import type { VipRecord } from '../lab/verdict.ts';
import { claim } from './claim.ts';

/** A failover as it was seen from outside. Times are milliseconds since 1970. */
export interface Failover {
  readonly vip: string;
  readonly from: Node;
  readonly to: Node;
  /** When the probes began. */
  readonly since: number;
  /** When the power was being cut; from `dark` on nothing of the node can be on the wire. */
  readonly powerOff: number;
  readonly dark: number;
  readonly udp: ProbeSummary;
}

export interface Measured extends Failover {
  readonly report: JudgeReport;
  readonly record: VipRecord;
}

/** What the standard profile promises without a witness, with the slack of a busy machine. */
const PROMISED_MS = 3300;
const BEFORE_MS = 1000;
const AFTER_MS = 1500;
const FAILOVER_LIMIT_MS = 15_000;
/** A made-up asker, so that the client's own cache learns of the failover by GARP alone. */
const ASKER = { mac: '02:00:00:00:00:fe', ipv4: '192.0.2.254' };
const FLOWS = 8;
const DOUBLED_MS = 1000;

export function pcapOf(lab: Lab): string {
  return join(lab.controlPlane.folder, 'segment.pcap');
}

export function startDemoJudge(lab: Lab): Promise<Judge> {
  return startJudge({ ...lab.segment, file: pcapOf(lab) });
}

/** Powers the owner's node off under probes at 10 ms; resolves when another has taken over. */
export async function failOver(
  lab: Lab,
  scene: {
    readonly vip: string;
    readonly owner: Node;
    readonly agents: ReadonlyMap<string, Daemon>;
    readonly judge: Judge;
    /** What the cluster does about the dead node's backends. */
    readonly afterwards: () => Promise<void>;
  },
): Promise<Failover> {
  const { vip, owner, agents, judge } = scene;
  const from = lab.client('c1');
  const since = Date.now();
  const udpOptions = { kind: 'udp', from, target: vip, port: udpPort, sourcePorts: FLOWS } as const;
  const [udp, arp] = await Promise.all([
    startProbe(udpOptions),
    startProbe({ kind: 'arp', from, target: vip, sender: ASKER }),
  ]);
  await sleep(BEFORE_MS);
  const powerOff = judge.mark(`${owner.name} is powered off`);
  await lab.faults.crash(owner);
  const dark = Date.now();
  await scene.afterwards();
  const others = [...agents.values()].filter((agent) => agent.name !== owner.name);
  const taken = await Promise.race(
    others.map(async (agent) => {
      const isTaken = (line: Readonly<Record<string, unknown>>) =>
        line['vip'] === vip && line['to'] === agent.name && line['from'] === owner.name;
      await agent.logged(`that it takes ${vip} over`, isTaken, FAILOVER_LIMIT_MS);
      return agent.name;
    }),
  );
  await sleep(AFTER_MS);
  const [summary] = await Promise.all([udp.stop(), arp.stop()]);
  return { vip, from: owner, to: lab.node(taken), since, powerOff, dark, udp: summary };
}

/** Adds what the capture says about the address. */
export function measured(failover: Failover, report: JudgeReport): Measured {
  const record = report.vips.get(failover.vip);
  claim(record !== undefined, `the capture has not one frame about ${failover.vip}`);
  return { ...failover, report, record };
}

/** What the client saw, moment by moment, counted from the power-off. */
export function timeline({ vip, from, to, powerOff, udp, record }: Measured): string[] {
  const byNew = record.assertions.filter(({ mac, at }) => mac === to.mac && at > powerOff);
  const announced = byNew.find(({ form }) => form.startsWith('garp'))?.at;
  const answered = byNew.find(({ form }) => form === 'answer')?.at;
  const moments: [number | undefined, string][] = [
    [powerOff, `${from.name}'s power is cut`],
    [record.longest?.from, `the first ARP request for ${vip} that is not answered at once`],
    [udp.longestGap?.from, `the last UDP answer from before`],
    [announced, `${to.name} announces ${vip} at ${to.mac}`],
    [answered, `${to.name} answers ARP for ${vip}`],
    [udp.longestGap?.to, `UDP through ${vip} is answered again`],
  ];
  const times = moments.flatMap(([at, text]) => (at === undefined ? [] : [{ at, text }]));
  const since = (at: number) => `${(at - powerOff).toFixed(0).padStart(6)} ms`;
  return times.sort((a, b) => a.at - b.at).map(({ at, text }) => `${since(at)}  ${text}`);
}

/** The table at the end. */
export function resultLines(measured: Measured): string[] {
  const { from, to, udp, record, report, dark } = measured;
  const ms = (value: number | undefined) => `${(value ?? Number.NaN).toFixed(0)} ms`;
  const late = answersFrom(report, from.name, dark).length;
  return tableLines([
    ['measured', 'value', 'must be'],
    ['ARP requests for the VIP', String(record.asked.length), ''],
    ['answered by two MACs', String(doubledIn(record)), '0'],
    ['longest unanswered stretch, ARP', ms(record.longest?.ms), `<= ${PROMISED_MS} ms`],
    ['longest stretch without a UDP answer', ms(udp.longestGapMs), ''],
    ['UDP probes sent, one every 10 ms', String(udp.sent), ''],
    ['UDP probes lost', String(udp.lost), ''],
    ['changes of owner', String(ownersIn(measured).length - 1), '1'],
    [`frames of ${from.name} about the VIP after its power-off`, String(late), '0'],
    [`announcements (GARP) by ${to.name}`, String(announcedBy(record, to)), '> 0'],
    ['frames that the capture dropped', String(report.health?.dropped ?? Number.NaN), '0'],
  ]);
}

/** Throws with a sentence if the table says anything but what Leasehold promises. */
export function judgeResult(measured: Measured): void {
  const { vip, from, to, record, report, dark, powerOff, udp } = measured;
  const complaints = report.health?.complaints ?? ['it is still running'];
  claim(complaints.length === 0, `the capture proves nothing: ${complaints.join('; ')}`);
  const doubled = doubledIn(record);
  const details = ownerTimeline(report).join('\n');
  claim(doubled === 0, `${doubled} ARP requests were answered by two MACs:\n${details}`);
  const hosts = ownersIn(measured).join(' -> ');
  claim(hosts === `${from.name} -> ${to.name}`, `the VIP went ${hosts}: more than one move`);
  const late = answersFrom(report, from.name, dark).length;
  claim(late === 0, `${from.name} still spoke for ${vip} ${late} times after its power-off`);
  const longest = record.longest?.ms ?? Number.POSITIVE_INFINITY;
  const words = `ARP for ${vip} went unanswered for ${longest.toFixed(0)} ms`;
  claim(longest <= PROMISED_MS, `${words}: more than ${PROMISED_MS} ms (is the machine busy?)`);
  claim(announcedBy(record, to) > 0, `${to.name} did not announce ${vip}`);
  const resumed = (udp.longestGap?.to ?? 0) > powerOff;
  claim(resumed, `no UDP answer came through ${vip} after the failover`);
}

/**
 * Requests that two MACs answered within a second. ARP does not number its questions, so over more
 * time than that an answer is matched by guess; late answers of the old owner have their own row.
 */
function doubledIn({ doubled }: VipRecord): number {
  const promptly = doubled.map(({ question, answers }) =>
    answers.filter(({ at }) => at - question.at < DOUBLED_MS).map(({ mac }) => mac),
  );
  return promptly.filter((macs) => new Set(macs).size > 1).length;
}

/** Who had the VIP, one after the other, while the probes ran and after. */
function ownersIn({ record, since }: Measured): string[] {
  return record.owners.filter(({ to }) => to > since).map(({ host }) => host);
}

function announcedBy(record: VipRecord, node: Node): number {
  return record.announcements.filter(({ mac }) => mac === node.mac).length;
}
