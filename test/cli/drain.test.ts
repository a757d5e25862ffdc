import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, test } from 'node:test';
import { pino } from 'pino';
import { drain } from '../../src/cli/drain.ts';
import { instant } from '../../src/instant.ts';
import { openKubeApi } from '../../src/kube/api.ts';
import { type Clock, systemClock } from '../../src/sys/clock.ts';
import { scriptedServer } from '../kube/scripted-server.ts';
import { claimsOf, heartbeatOf, leaseListOf } from './leases.ts';

const A = '192.0.2.1';
const B = '192.0.2.2';
const SPEED = 20;
const real = systemClock();
/** Twenty times as fast, so that a wait of a minute takes three seconds. */
const clock: Clock = {
  ...real,
  now: () => instant(real.now() * SPEED),
  sleep: (ms, signal) => real.sleep(ms / SPEED, signal),
};
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Owners = Readonly<Record<string, readonly string[]>>;

interface Script {
  /**
   * VIPs by node, or a status to fail with, at each LIST of Leases, the first being before the
   * request; the last one stays.
   */
  readonly leases: readonly (Owners | number)[];
  /** Nodes whose heartbeats stand still. */
  readonly dead?: readonly string[];
  /** Specs of the nodes. */
  readonly nodes?: Readonly<Record<string, object>>;
  /** Path -> HTTP status that it fails with. */
  readonly refuse?: Readonly<Record<string, number>>;
}

async function run(script: Script, more: { undo?: boolean; timeoutMs?: number } = {}) {
  const patches: unknown[] = [];
  let lists = 0;
  const respond = async (url: URL, response: ServerResponse, request: IncomingMessage) => {
    const refused = script.refuse?.[url.pathname.replace(/^.*\//, '')];
    if (refused !== undefined) {
      response.writeHead(refused).end(JSON.stringify({ message: `refused with ${refused}` }));
    } else if (request.method === 'PATCH') {
      patches.push([request.headers['content-type'], JSON.parse(await text(request))]);
      response.end(JSON.stringify(node('n1', script.nodes?.['n1'])));
    } else if (url.pathname.endsWith('/leases')) {
      const at = script.leases[Math.min(lists, script.leases.length - 1)] ?? {};
      lists += 1;
      if (typeof at === 'number') response.writeHead(at).end('{"message":"no lists today"}');
      else response.end(leaseListOf(records(at), lists, script.dead));
    } else {
      const items = Object.entries(script.nodes ?? {}).map(([name, spec]) => node(name, spec));
      response.end(JSON.stringify({ items }));
    }
  };
  const server = await scriptedServer((...call) => void respond(...call));
  const log = pino({ level: 'silent' });
  const api = await openKubeApi({ kubeconfig: server.kubeconfig, clock: real, log });
  closing.push(
    () => server.close(),
    () => api.close(),
  );
  const lines: string[] = [];
  const args = {
    kind: 'drain' as const,
    node: 'n1',
    undo: more.undo ?? false,
    timeoutMs: more.timeoutMs ?? 15_000,
    kubeconfig: server.kubeconfig,
    namespace: 'leasehold-system',
  };
  const code = await drain(args, { api, clock, print: (line) => void lines.push(line) });
  return { code, lines, patches };
}

const records = (at: Owners) =>
  Object.entries(at).flatMap(([name, vips]) => [claimsOf(name, vips), heartbeatOf(name)]);

function node(name: string, spec: object = {}): object {
  const metadata = { name, uid: name, resourceVersion: '1' };
  return { metadata, spec };
}

test('it asks by annotation, tells the progress, and ends when the node owns nothing', async () => {
  const { code, lines, patches } = await run({
    leases: [
      { n1: [A, B], n2: [] },
      { n1: [A, B], n2: [A] },
      { n1: [B], n2: [A] },
      { n1: [], n2: [A], n3: [B] },
    ],
  });
  assert.equal(code, 0);
  assert.deepEqual(lines, [
    '0 of 2 VIPs have moved',
    '1 of 2 VIPs has moved',
    '2 of 2 VIPs have moved',
    `n1 owns nothing now: n2 has ${A}, n3 has ${B}.`,
    'It takes none while another node can, until this is taken back: leasehold drain n1 --undo',
  ]);
  const annotations = { 'leasehold.dev/drain': 'true' };
  assert.deepEqual(patches, [['application/merge-patch+json', { metadata: { annotations } }]]);
});

test('a VIP that the node claims while the request is on its way is waited for too', async () => {
  const { code, lines } = await run({
    leases: [
      { n1: [], n2: [] },
      { n1: [], n2: [] },
      { n1: [A], n2: [] },
      { n1: [], n2: [A] },
    ],
  });
  assert.deepEqual([code, lines.at(-2)], [0, `n1 owns nothing now: n2 has ${A}.`]);
});

test('VIPs that have moved before the first look count too', async () => {
  const { lines } = await run({
    leases: [
      { n1: [A, B], n2: [] },
      { n1: [], n2: [A, B] },
    ],
  });
  assert.deepEqual(lines.slice(0, 2), [
    '2 of 2 VIPs have moved',
    `n1 owns nothing now: n2 has ${A} and ${B}.`,
  ]);
});

test('a node without VIPs is done at once', async () => {
  const { code, lines } = await run({ leases: [{ n1: [], n2: [A] }] });
  assert.deepEqual([code, lines[0]], [0, 'n1 owns no VIP.']);
});

test('a VIP that nobody else may have stays: exit code 1 at the time-out, with the remedy', async () => {
  const { code, lines } = await run({
    leases: [{ n1: [A], n2: [] }],
    nodes: { n1: {}, n2: { unschedulable: true } },
  });
  assert.equal(code, 1);
  assert.match(lines.join(' '), /After 15 s n1 still owns 192\.0\.2\.1: no other node/);
  assert.match(lines.join(' '), /drain too: n2 \(cordoned\)/);
  assert.match(lines.at(-1) ?? '', /leasehold drain n1 --undo/);
});

test('an agent that does not run is told apart from one that cannot let go', async () => {
  const { code, lines } = await run({ leases: [{ n1: [A], n2: [] }], dead: ['n1'] });
  assert.equal(code, 1);
  assert.match(lines.join(' '), /its agent does not run/);
});

test('who may not list nodes gets the general remedy', async () => {
  const { lines } = await run({ leases: [{ n1: [A], n2: [] }], refuse: { nodes: 403 } });
  assert.match(lines.join(' '), /n2 may not have them: a node needs an L2Advertisement/);
});

test('an unknown node is one clear sentence', async () => {
  await assert.rejects(
    run({ leases: [{ n2: [] }], refuse: { n1: 404 } }),
    /^Error: there is no node n1: /,
  );
});

test('missing rights are named', async () => {
  await assert.rejects(
    run({ leases: [{ n1: [] }], refuse: { n1: 403 } }),
    /the right to patch nodes/,
  );
  await assert.rejects(
    run({ leases: [403] }),
    /nothing was asked for: no lists today; .*right to list leases in leasehold-system/,
  );
});

test('an API server that is away in between is asked again until the time is over', async () => {
  const leases = [{ n1: [A], n2: [] }, 503, 503];
  const back = await run({ leases: [...leases, { n1: [], n2: [A] }] });
  assert.equal(back.code, 0);
  await assert.rejects(run({ leases }, { timeoutMs: 3_000 }), /n1 is asked to drain, but how far/);
});

test('a namespace without agents is no proof that the node owns nothing', async () => {
  await assert.rejects(run({ leases: [{}] }), /no agent has a claims lease in leasehold-system/);
});

test('--undo takes the annotation away and waits for nothing', async () => {
  const { code, lines, patches } = await run({ leases: [] }, { undo: true });
  assert.deepEqual([code, lines], [0, ['n1 may own VIPs again.']]);
  const annotations = { 'leasehold.dev/drain': null };
  assert.deepEqual(patches, [['application/merge-patch+json', { metadata: { annotations } }]]);
});

for (const { spec, says } of [
  { spec: { unschedulable: true }, says: /\(cordoned\): kubectl uncordon n1$/ },
  {
    spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] },
    says: /kubectl taint node n1 ToBeDeletedByClusterAutoscaler-$/,
  },
]) {
  test(`--undo says what else drains the node: ${JSON.stringify(spec)}`, async () => {
    const { lines } = await run({ leases: [], nodes: { n1: spec } }, { undo: true });
    assert.match(lines[0] ?? '', says);
  });
}
