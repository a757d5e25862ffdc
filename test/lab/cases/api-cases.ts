import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane, Part } from '../control-plane.ts';
import { setNoSpace } from '../etcd.ts';
import type { FaultCase, Made, Scene } from '../fault.ts';
import type { Direction } from '../faults.ts';
import { held, OTHERS_MS, SEAMLESS_MS, takenOver } from './bounds.ts';

const AWAY_MS = 6000;
const LONG_AWAY_MS = 60_000;
/** Without the witness: joining anew, a claim and a barrier, on a machine that starts a server too. */
const BACK_MS = 6000;
/** After an outage, long enough to see that nothing moves needlessly. */
const AFTER_MS = 2500;
/** After a long outage the API server tries etcd again only once in two minutes (gRPC's backoff). */
const BACK_PATIENCE_MS = 180_000;

/** The owner alone loses the API server: the VIP goes over, by a handover if peers are heard. */
const CUT_OFF: FaultCase['accept'] = {
  'leases alone': { ...takenOver()['leases alone'], unansweredMs: 700, udpLost: 0 },
  'with witness': { unansweredMs: SEAMLESS_MS, moves: 1, otherMoves: 0, udpLost: 0 },
};

/** Faults of the API server, of etcd, and of the way to them. */
export const API_CASES: readonly FaultCase[] = [
  {
    name: 'api-stop',
    number: 9,
    what: 'the API server ends and is started again (6 s; 60 s in the long series)',
    watchMs: AWAY_MS,
    longWatchMs: LONG_AWAY_MS,
    accept: held(BACK_MS + 6000),
    async make({ lab: { controlPlane } }) {
      await controlPlane.stopPart('kube-apiserver', 'SIGKILL');
      return startedAgain(controlPlane, 'kube-apiserver');
    },
  },
  {
    name: 'etcd-stop',
    number: 9,
    what: 'etcd ends and is started again (6 s; 60 s in the long series)',
    watchMs: AWAY_MS,
    longWatchMs: LONG_AWAY_MS,
    accept: held(BACK_MS + 6000),
    async make({ lab: { controlPlane } }) {
      await controlPlane.stopPart('etcd', 'SIGKILL');
      return startedAgain(controlPlane, 'etcd');
    },
  },
  {
    name: 'api-stop-and-kill',
    number: 10,
    what: 'the API server ends, and 4 s later the owner is killed: its VIP stays down, no other does',
    watchMs: 6000,
    // The VIP itself comes back with the API server: a dead node's lease has then long run out.
    accept: {
      'leases alone': {},
      'with witness': { othersUnansweredMs: OTHERS_MS, otherMoves: 0 },
    },
    async make({ running, lab: { controlPlane }, owner }) {
      await controlPlane.stopPart('kube-apiserver', 'SIGKILL');
      await sleep(4000);
      running.agent(owner).signal('SIGKILL', 'tree');
      return {
        ...startedAgain(controlPlane, 'kube-apiserver'),
        restore: async () => void (await running.startAgent(owner)),
      };
    },
  },
  {
    name: 'api-restart',
    number: 11,
    what: 'the API server is restarted: its watch cache is empty',
    watchMs: AFTER_MS,
    accept: held(BACK_MS + 6000),
    async make({ lab: { controlPlane } }) {
      await controlPlane.stopPart('kube-apiserver', 'SIGTERM');
      controlPlane.startPart('kube-apiserver');
      await controlPlane.ready();
      return {};
    },
  },
  {
    name: 'api-cut',
    number: 12,
    what: 'the owner loses the API server, both directions; the segment stays',
    watchMs: 4500,
    accept: CUT_OFF,
    make: (scene) => cut(scene, 'both'),
  },
  {
    name: 'api-deaf',
    number: 13,
    what: "the API server's answers to the owner are lost, its requests are not",
    watchMs: 4500,
    accept: CUT_OFF,
    make: (scene) => cut(scene, 'from-api'),
  },
  {
    name: 'api-cut-all',
    number: 14,
    what: 'every node loses the API server for 6 s (60 s in the long series)',
    watchMs: AWAY_MS,
    longWatchMs: LONG_AWAY_MS,
    accept: held(BACK_MS),
    async make({ lab }) {
      await lab.faults.cutApiOfAll('both');
      return { end: () => settled(lab.faults.healApiOfAll()) };
    },
  },
  {
    name: 'etcd-freeze',
    number: 21,
    what: 'SIGSTOP of etcd for 6 s, 10 s in the long series (the only member: this is the loss of the leader too)',
    standsIn: 'etcd has one member here: to stop it is the loss of the leader as well',
    watchMs: AWAY_MS,
    longWatchMs: 10_000,
    accept: held(BACK_MS),
    async make({ lab: { controlPlane } }) {
      controlPlane.signalPart('etcd', 'SIGSTOP');
      return {
        async end() {
          controlPlane.signalPart('etcd', 'SIGCONT');
          await settled(controlPlane.ready());
        },
      };
    },
  },
  {
    name: 'etcd-full',
    number: 22,
    what: "etcd's NOSPACE alarm for 6 s: reads go on, every write is refused",
    standsIn: 'the alarm is raised by a call of its API instead of filling a disk',
    watchMs: AWAY_MS,
    accept: held(BACK_MS),
    async make({ lab: { controlPlane } }) {
      await setNoSpace(controlPlane, 'ACTIVATE');
      return { end: () => settled(setNoSpace(controlPlane, 'DEACTIVATE')) };
    },
  },
];

function startedAgain(controlPlane: ControlPlane, part: Part): Made {
  return {
    async end() {
      controlPlane.startPart(part);
      await settled(controlPlane.ready(BACK_PATIENCE_MS));
    },
  };
}

async function cut({ running, lab, owner }: Scene, direction: Direction): Promise<Made> {
  await lab.faults.cutApi(owner, direction);
  return {
    async restore() {
      await lab.faults.healApi(owner);
      await running.joined(owner);
    },
  };
}

async function settled(back: Promise<void>): Promise<void> {
  await back;
  await sleep(AFTER_MS);
}
