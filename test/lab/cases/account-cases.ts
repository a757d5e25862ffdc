import { setTimeout as sleep } from 'node:timers/promises';
import type { OwnAccount } from '../accounts.ts';
import { type FaultCase, type Scene, tool } from '../fault.ts';
import { held, SEAMLESS_MS, takenOver, unnoticed } from './bounds.ts';

/** Cases of the agents' ServiceAccounts; each node's agent must run under one of its own. */
export const ACCOUNT_CASES: readonly FaultCase[] = [
  {
    name: 'rights-revoked',
    number: 28,
    what: "the RBAC bindings of the owner's ServiceAccount are deleted",
    watchMs: 5000,
    accept: {
      'leases alone': { ...takenOver()['leases alone'], unansweredMs: 700, udpLost: 0 },
      'with witness': { unansweredMs: SEAMLESS_MS, moves: 1, otherMoves: 0, udpLost: 0 },
    },
    async make(scene) {
      const { running, owner } = scene;
      const account = accountOf(scene);
      await account.revoke();
      return {
        async restore() {
          await account.grant();
          await running.joined(owner);
        },
      };
    },
  },
  {
    name: 'rights-revoked-all',
    number: 28,
    what: 'the RBAC bindings of every agent are deleted for 6 s',
    watchMs: 6000,
    accept: held(6000),
    async make(scene) {
      const accounts = scene.lab.nodes.map(({ name }) => accountOf(scene, name));
      await Promise.all(accounts.map((account) => account.revoke()));
      return {
        async end() {
          await Promise.all(accounts.map((account) => account.grant()));
          await sleep(4000);
        },
      };
    },
  },
  {
    name: 'token-rotated',
    number: 29,
    standsIn:
      'no token is granted for less than 10 minutes: the old one is bound to a Secret, which is deleted',
    what: "the owner's token is replaced in its kubeconfig and the old one ends",
    // The API server remembers a good token for 10 s.
    watchMs: 13_000,
    accept: unnoticed(),
    make: rotated,
  },
];

function accountOf(scene: Scene, node = scene.owner.name): OwnAccount {
  const account = tool(scene, 'accounts').get(node);
  if (account === undefined) throw new RangeError(`the agent of ${node} has no own account`);
  return account;
}

async function rotated(scene: Scene) {
  const { running, owner } = scene;
  await accountOf(scene).rotate();
  return { restore: () => running.joined(owner) };
}
