import { setTimeout as sleep } from 'node:timers/promises';
import { installNamespace } from '../agents.ts';
import { cpuSecondsOf } from '../cpu-time.ts';
import type { Facts, FaultCase, Made, Scene } from '../fault.ts';
import { run } from '../run.ts';
import { SegmentFaults } from '../segment-faults.ts';
import { startSpoofer, untrueFrames } from '../spoof.ts';
import { OTHERS_MS, takenOver, unnoticed } from './bounds.ts';

const SPOOFED_PER_SECOND = 10_000;
/** Of one core, for an agent and its wires that hear 10,000 untrue frames a second. */
const MAX_CPU_SHARE = { short: 0.4, long: 0.15 };
/** The spoofer needs some of the machine, too. */
const MIN_SPOOFED_SHARE = { short: 0.2, long: 0.8 };
/** After a heal, this long until nobody says anything wrong any more. */
const WRONG_MAC_MS = { short: 1000, long: 200 };
/** The node sees it at once and releases; its wire has to end first. */
const LINK_DOWN_MS = 150;
/** The peers are unheard for 10 s before that is told, with the next heartbeat. */
const TOLD_MS = 13_000;
/** A second without any frame while the peers go on renewing, which they do every second; a handover. */
const DEAF_MS = 2500;
const QUIET = { otherMoves: 0, othersUnansweredMs: OTHERS_MS };

/** Faults of the segment and of the owner's place on it. The lab needs a second client. */
export const SEGMENT_CASES: readonly FaultCase[] = [
  {
    name: 'link-down',
    number: 7,
    what: 'the data link is set down on the node (which aborts cap), then up again',
    watchMs: 2500,
    accept: {
      'leases alone': { ...QUIET, unansweredMs: LINK_DOWN_MS, moves: 1 },
      'with witness': { ...QUIET, unansweredMs: LINK_DOWN_MS, moves: 1 },
    },
    async make({ running, lab, owner }) {
      await lab.faults.linkDown(owner);
      return {
        async restore() {
          await lab.faults.linkUp(owner);
          await running.joined(owner);
        },
      };
    },
  },
  {
    name: 'link-flap',
    number: 31,
    what: "the owner's data link goes down and up 10 times in 5 s (20 in the long series)",
    watchMs: 3000,
    // A stretch of each move; the catalogue allows 4 moves.
    accept: {
      'leases alone': { ...QUIET, unansweredMs: 600, moves: 4 },
      'with witness': { ...QUIET, unansweredMs: 600, moves: 4 },
    },
    async make({ running, lab, owner, length }) {
      for (let flap = length === 'long' ? 20 : 10; flap > 0; flap -= 1) {
        await lab.faults.carrierDown(owner);
        await sleep(230);
        await lab.faults.carrierUp(owner);
        await sleep(230);
      }
      return { restore: () => running.joined(owner) };
    },
  },
  {
    name: 'split',
    number: 37,
    what: 'the segment is cut in two for 6 s (owner and client | the rest), the API stays; then healed',
    watchMs: 6000,
    // The half without the owner has no answerer by leases alone; by witness that half takes over.
    accept: { 'leases alone': { moves: 0 }, 'with witness': { moves: 1 } },
    make: split,
  },
  {
    name: 'witness-dropped',
    number: 38,
    what: 'the switch drops the frames of the witness, and nothing else',
    watchMs: TOLD_MS,
    longWatchMs: 30_000,
    accept: unnoticed(),
    make: witnessDropped,
  },
  {
    name: 'deaf',
    number: 40,
    what: 'nothing on the segment is delivered to the owner for 6 s: it blames itself',
    watchMs: 6000,
    // The catalogue bounds doubled answers alone. By leases alone it stays the owner, unanswered.
    accept: {
      'leases alone': { moves: 1, otherMoves: 0 },
      'with witness': { unansweredMs: DEAF_MS, moves: 1, otherMoves: 0 },
    },
    async make({ running, lab, owner }) {
      const segment = new SegmentFaults(lab);
      await segment.deafen(owner);
      return {
        end: () => heard(segment.forward()),
        check: ({ successor }) =>
          running.protection === 'with witness' && successor === owner.name
            ? ['the deaf node is still the owner']
            : [],
      };
    },
  },
  {
    name: 'mute',
    number: 40,
    what: 'nothing that the owner says gets out for 6 s',
    watchMs: 6000,
    accept: {
      'leases alone': { moves: 1, otherMoves: 0 },
      'with witness': takenOver()['with witness'],
    },
    async make({ lab, owner }) {
      const segment = new SegmentFaults(lab);
      await segment.mute(owner);
      return { end: () => heard(segment.unmute(owner)) };
    },
  },
  {
    name: 'witness-forged',
    number: 46,
    what: '10,000 frames of the witness a second that are replayed, forged or noise',
    watchMs: 6000,
    accept: unnoticed(),
    make: forged,
  },
];

async function split({ lab, vip, owner, length }: Scene): Promise<Made> {
  const segment = new SegmentFaults(lab);
  const rest = [...lab.nodes.filter(({ name }) => name !== owner.name), lab.client('c2')];
  await segment.split(rest);
  let healedAt = Number.POSITIVE_INFINITY;
  let cached: string | undefined;
  return {
    async end() {
      await segment.join(rest);
      healedAt = Date.now();
      await sleep(1000);
      cached = await cachedMac(lab.client('c1'), vip);
      await sleep(2000);
    },
    check: ({ report, scene: { vip }, successor }: Facts) => {
      const wrong = (report.vips.get(vip)?.assertions ?? []).filter(
        ({ at, host }) => at > healedAt + WRONG_MAC_MS[length] && host !== successor,
      );
      const complaints = wrong.length === 0 ? [] : [`${wrong.length} frames of another node`];
      // It has heard nothing of the move: the other half has announced it while the segment was cut.
      const mac = lab.nodes.find(({ name }) => name === successor)?.mac;
      return cached === mac
        ? complaints
        : [...complaints, `c1 believes that ${cached} has the VIP`];
    },
  };
}

/** What the kernel of a host believes: the MAC in its neighbour table. */
async function cachedMac({ netns }: { readonly netns: string }, ip: string) {
  const found = JSON.parse(await run('ip', ['-j', 'neigh', 'show', ip], { netns }));
  return (found as { readonly lladdr?: string }[])[0]?.lladdr;
}

async function witnessDropped(scene: Scene): Promise<Made> {
  const segment = new SegmentFaults(scene.lab);
  await segment.dropWitness();
  let healthy: string | undefined;
  return {
    async end() {
      healthy = await conditionOf(scene, 'WitnessHealthy');
      await segment.forward();
      await sleep(1500);
    },
    check: () => (healthy === 'False' ? [] : [`the condition WitnessHealthy is ${healthy}`]),
  };
}

/** The status of a condition of the owner, as its heartbeat lease tells it. */
async function conditionOf({ lab, owner }: Scene, type: string): Promise<string | undefined> {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${installNamespace}/leases`;
  const lease = (await lab.controlPlane.api.request('GET', `${leases}/hb.${owner.name}`)) as {
    readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  };
  const text = lease.metadata.annotations?.['leasehold.dev/conditions'] ?? '[]';
  const conditions: readonly { type: string; status: string }[] = JSON.parse(text);
  return conditions.find((condition) => condition.type === type)?.status;
}

async function forged({ running, lab, owner, length }: Scene): Promise<Made> {
  const { pid } = running.agent(owner).process;
  const frames = await untrueFrames(lab.segment);
  const spoofer = startSpoofer(lab.client('c2'), frames, SPOOFED_PER_SECOND);
  const [begun, before] = [performance.now(), cpuSecondsOf(pid)];
  const wrong: string[] = [];
  return {
    async end() {
      const seconds = (performance.now() - begun) / 1000;
      const share = (cpuSecondsOf(pid) - before) / seconds;
      const perSecond = (await spoofer.stop()) / seconds;
      if (share > MAX_CPU_SHARE[length])
        wrong.push(`the agent took ${(100 * share).toFixed(0)} % of a core`);
      if (perSecond < SPOOFED_PER_SECOND * MIN_SPOOFED_SHARE[length]) {
        wrong.push(`only ${perSecond.toFixed(0)} frames a second were sent`);
      }
    },
    check: () => wrong,
  };
}

async function heard(ended: Promise<void>): Promise<void> {
  await ended;
  await sleep(2000);
}
