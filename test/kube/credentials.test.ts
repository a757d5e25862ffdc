import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pino } from 'pino';
import { openCredentials } from '../../src/kube/credentials.ts';
import { systemClock } from '../../src/sys/clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'leasehold-kubeconfig-'));
after(() => rmSync(folder, { recursive: true }));

function open(config: string | object | undefined) {
  const kubeconfig = join(folder, 'kubeconfig');
  if (config === undefined) rmSync(kubeconfig, { force: true });
  else writeFileSync(kubeconfig, typeof config === 'string' ? config : JSON.stringify(config));
  return openCredentials({ kubeconfig, clock: systemClock(), log: pino({ level: 'silent' }) });
}

function config(cluster: object, user: object = {}): object {
  return {
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
}

const good = { server: 'https://192.0.2.1:6443/prefix/' };

for (const { name, file, message } of [
  { name: 'a missing file', file: undefined, message: /cannot read the kubeconfig .*ENOENT/ },
  { name: 'an empty file', file: '', message: /cannot read the kubeconfig .*give --kubeconfig/ },
  { name: 'nonsense', file: '{[', message: /cannot read the kubeconfig .*give --kubeconfig/ },
  {
    name: 'no current context',
    file: { ...config(good), 'current-context': '' },
    message: /no usable current context \(""\); choose one with `kubectl config use-context`/,
  },
  {
    name: 'a context that is not there',
    file: { ...config(good), 'current-context': 'gone' },
    message: /no usable current context \("gone"\)/,
  },
  {
    name: 'a server that is no URL',
    file: config({ server: 'somewhere' }),
    message: /names the server "somewhere", which is not a URL/,
  },
  {
    name: 'a certificate that is not there',
    file: config({ ...good, 'certificate-authority': '/nowhere/ca.crt' }),
    message: /cannot use the credentials of the kubeconfig .*ENOENT.*\/nowhere\/ca.crt/,
  },
  {
    name: 'a proxy',
    file: config({ ...good, 'proxy-url': 'http://proxy' }),
    message: /proxies are not supported/,
  },
]) {
  test(`a kubeconfig with ${name} is refused in one sentence that names the file`, async () => {
    await assert.rejects(open(file), (error: Error) => {
      assert.match(error.message, message);
      assert.ok(error.message.includes(join(folder, 'kubeconfig')));
      assert.ok(!error.message.includes('\n'));
      return true;
    });
  });
}

test('server, path prefix and token come from the current context', async () => {
  const current = (await open(config(good, { token: 'secret' }))).current();
  assert.equal(current.origin, 'https://192.0.2.1:6443');
  assert.equal(current.basePath, '/prefix');
  assert.equal(current.headers['Authorization'], 'Bearer secret');
});

test('renew() takes what the file says now, and keeps what it has if the file is broken', async () => {
  const source = await open(config(good, { token: 'one' }));
  writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(config(good, { token: 'two' })));
  await source.renew();
  assert.equal(source.current().headers['Authorization'], 'Bearer two');
  writeFileSync(join(folder, 'kubeconfig'), '{[');
  await source.renew();
  assert.equal(source.current().headers['Authorization'], 'Bearer two');
});
