import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { keepWitnessKey, WITNESS_SECRET } from '../../src/controller/witness-key.ts';
import { type KubeApi, openKubeApi } from '../../src/kube/api.ts';
import { decodeSecret, secretPath } from '../../src/kube/secret.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { type ApiServer, startApiServer, whyNoApiServer } from '../kube/api-server.ts';
import { asset } from '../lab/assets.ts';
import { run } from '../lab/run.ts';
import { until } from '../lab/until.ts';

const root = join(import.meta.dirname, '../..');
const namespace = 'leasehold-system';
const clock = systemClock();
const log = pino({ level: 'silent' });

describe('the witness key at a real API server', { skip: whyNoApiServer() ?? false }, () => {
  let server: ApiServer;
  let api: KubeApi;
  let admin: KubeApi;
  let kept: Promise<void>;
  const abort = new AbortController();

  /** The keys of the Secret in base64, if there is one. */
  async function stored(): Promise<Record<string, string> | undefined> {
    const answer = await admin.request({ path: secretPath(namespace, WITNESS_SECRET) });
    const secret = answer.ok ? decodeSecret(answer.body) : undefined;
    if (!secret?.ok) return undefined;
    return Object.fromEntries(
      [...secret.value.data].map(([key, bytes]) => [key, Buffer.from(bytes).toString('base64')]),
    );
  }

  before(async () => {
    server = await startApiServer();
    for (const file of ['namespace', 'crds', 'rbac']) {
      await server.plane.kubectl(['apply', '-f', join(root, `deploy/${file}.yaml`)]);
    }
    admin = await openKubeApi({ kubeconfig: server.admin, clock, log });
    const kubeconfig = await server.serviceAccount(namespace, 'leasehold-controller');
    api = await openKubeApi({ kubeconfig, clock, log });
    // A look at every 50 ms instead of once a minute.
    const hasty = { ...clock, sleep: (_: number, signal?: AbortSignal) => clock.sleep(50, signal) };
    const options = { api, namespace, clock: hasty, log, signal: abort.signal };
    kept = keepWitnessKey({ ...options, newKey: () => randomBytes(32) });
  });

  after(async () => {
    abort.abort();
    await kept;
    await api?.close();
    await admin?.close();
    await server?.close();
  });

  test('with its own role only, the controller makes a key of 32 bytes, and restores it', async () => {
    const first = await until('there is a key', stored, {});
    assert.equal(Buffer.from(first['key'] ?? '', 'base64').length, 32);
    await clock.sleep(200);
    assert.deepEqual(await stored(), first, 'it stays the same');
    await server.plane.kubectl(['delete', 'secret', WITNESS_SECRET, '-n', namespace]);
    const second = await until('there is one again', stored, {});
    assert.deepEqual(second, first, 'nodes that have it understand those that get it now');
  });

  test('the rotation of docs/decisions/0013 works as written, and nobody interferes', async () => {
    const before = await until('there is a key', stored, {});
    const states = await rotate(server);
    const next = states[0]?.['previous'] ?? '';
    assert.equal(Buffer.from(next, 'base64').length, 32);
    assert.deepEqual(states, [
      { key: before['key'], previous: next },
      { key: next, previous: before['key'] },
      { key: next },
    ]);
  });

  test('its role allows nothing else with Secrets, and that of the agents nothing at all', async () => {
    const list = await api.request({ path: secretPath(namespace) });
    assert.equal(list.ok ? 'ok' : list.kind, 'forbidden');
    const other = await api.request({ path: secretPath(namespace, 'other') });
    assert.equal(other.ok ? 'ok' : other.kind, 'forbidden');
    const gone = await api.request({
      method: 'DELETE',
      path: secretPath(namespace, WITNESS_SECRET),
    });
    assert.equal(gone.ok ? 'ok' : gone.kind, 'forbidden');
    const kubeconfig = await server.serviceAccount(namespace, 'leasehold-agent');
    const agent = await openKubeApi({ kubeconfig, clock, log });
    const read = await agent.request({ path: secretPath(namespace, WITNESS_SECRET) });
    assert.equal(read.ok ? 'ok' : read.kind, 'forbidden');
    await agent.close();
  });
});

/** Runs the commands of the decision; where they sleep, and at the end, it takes what is stored. */
async function rotate(server: ApiServer): Promise<Record<string, string>[]> {
  const text = readFileSync(join(root, 'docs/decisions/0013-the-key-of-the-witness.md'), 'utf8');
  const commands = /```sh\n(.*?)```/s.exec(text)?.[1] ?? '';
  const script = [
    'set -eu',
    `kubectl() { ${asset('kubectl')} "$@"; }`,
    `sleep() { command sleep 0.3; echo; echo "stored $(kubectl -n $ns get secret ${WITNESS_SECRET} -o jsonpath='{.data}')"; }`,
    commands,
    'sleep',
  ];
  const env = { KUBECONFIG: server.admin };
  const printed = await run('bash', ['-c', script.join('\n')], { env });
  return printed
    .split('\n')
    .filter((line) => line.startsWith('stored '))
    .map((line) => JSON.parse(line.slice('stored '.length)));
}
