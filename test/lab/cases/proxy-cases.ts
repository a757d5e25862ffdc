import { setTimeout as sleep } from 'node:timers/promises';
import { type Acceptance, type FaultCase, type Scene, tool } from '../fault.ts';
import type { ProxyFaultKind } from '../proxy/protocol.ts';
import type { Protection } from '../running-lab.ts';
import { held, SEAMLESS_MS, takenOver, unnoticed } from './bounds.ts';

type Whom = 'the owner' | 'all';

interface ProxyCase {
  readonly name: string;
  readonly number: number;
  readonly what: string;
  readonly standsIn?: string;
  readonly kind: ProxyFaultKind;
  readonly whom: Whom;
  readonly watchMs: number;
  readonly longWatchMs?: number;
  readonly accept: Readonly<Record<Protection, Acceptance>>;
}

/** Cases that need every agent to reach the API server through the proxy. */
export const PROXY_CASES: readonly FaultCase[] = [
  made({
    name: 'watch-stall',
    number: 16,
    what: 'the watches of the owner are held back for 8 s (30 s in the long series)',
    kind: 'stalled-watches',
    whom: 'the owner',
    watchMs: 8000,
    longWatchMs: 30_000,
    accept: unnoticed(),
  }),
  made({
    name: 'watch-stall-all',
    number: 16,
    what: 'the watches of every agent are held back for 8 s (30 s in the long series)',
    kind: 'stalled-watches',
    whom: 'all',
    watchMs: 8000,
    longWatchMs: 30_000,
    accept: unnoticed(),
  }),
  made({
    name: 'watch-garbled',
    number: 17,
    what: 'events of every watch come twice, out of order, and end with 410 after 20 of them',
    kind: 'garbled-watches',
    whom: 'all',
    watchMs: 5000,
    longWatchMs: 10_000,
    accept: unnoticed(),
  }),
  made({
    name: 'watch-expired',
    number: 17,
    what: 'every watch is told 410 Gone',
    kind: 'expired-watches',
    whom: 'all',
    watchMs: 5000,
    accept: unnoticed(),
  }),
  made({
    name: 'bookmarks-only',
    number: 17,
    what: "the owner's watches carry nothing but bookmarks",
    kind: 'bookmarks-only',
    whom: 'the owner',
    watchMs: 5000,
    accept: unnoticed(),
  }),
  made({
    name: 'answers-lost',
    number: 13,
    what: "the owner's requests are carried out and never answered",
    kind: 'lost-answers',
    whom: 'the owner',
    watchMs: 5000,
    accept: {
      'leases alone': { ...takenOver()['leases alone'], unansweredMs: 700, udpLost: 0 },
      'with witness': { unansweredMs: SEAMLESS_MS, moves: 1, otherMoves: 0, udpLost: 0 },
    },
  }),
  made({
    name: 'answers-late',
    number: 19,
    what: 'every answer of the API server comes 5 s late',
    standsIn: 'the proxy delays the answers: this kernel has no netem',
    kind: 'late-answers',
    whom: 'all',
    watchMs: 8000,
    accept: held(9000),
  }),
  made({
    name: 'api-storm',
    number: 20,
    what: '30 % of all requests are answered with 429, 500 or 503, half of these carried out',
    kind: 'errors',
    whom: 'all',
    watchMs: 6000,
    longWatchMs: 60_000,
    accept: unnoticed(),
  }),
];

function made({ kind, whom, ...named }: ProxyCase): FaultCase {
  return {
    ...named,
    async make(scene: Scene) {
      const proxy = tool(scene, 'proxy');
      const of = whom === 'all' ? {} : { of: [scene.owner.managementIpv4] };
      await proxy.set([{ ...of, kind }]);
      let touched = 0;
      return {
        async end() {
          touched = (await proxy.set([]))[kind] ?? 0;
          // Converges within 2 s.
          await sleep(3000);
        },
        check: () => (touched > 0 ? [] : [`the proxy did nothing of the kind ${kind}`]),
      };
    },
  };
}
