import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceNetworks } from './addressing.ts';
import { installNamespace } from './agents.ts';
import { asset } from './assets.ts';
import { type Lab, startLab } from './lab.ts';
import { labRefusal } from './refusal.ts';
import { run } from './run.ts';
import { httpPort, udpPort } from './service.ts';
import { until } from './until.ts';

const refusal = labRefusal();

test('a lab of three nodes and a client', { skip: refusal ?? false }, async (t) => {
  const begun = performance.now();
  await using lab = await startLab({ labels: { n2: { zone: 'b' } } });
  const seconds = (performance.now() - begun) / 1000;
  t.diagnostic(`ready in ${seconds.toFixed(1)} s`);
  await t.test('it is ready within 15 s, also on a busy machine', () => assert.ok(seconds < 15));
  await t.test('hosts answer for their own addresses on the segment, ARP and NDP', async () =>
    hostsAnswer(lab),
  );
  await t.test('Node objects are Ready and carry addresses, labels and pod networks', async () =>
    nodesAreReal(lab),
  );
  await t.test('kube-proxy brings a client to a backend on any node, over a ClusterIP', async () =>
    clusterIpWorks(lab),
  );
  await t.test(
    'externalTrafficPolicy Local: the node has the client reach its own backend only',
    () => localPolicyWorks(lab),
  );
  await t.test('a ServiceAccount may do what its roles say and nothing else', () =>
    rolesAreReal(lab),
  );
});

async function hostsAnswer(lab: Lab): Promise<void> {
  const { netns } = lab.client('c1');
  for (const node of lab.nodes) {
    const arp = await run('arping', ['-c', '1', '-w', '2', '-I', 'data0', node.ipv4], { netns });
    assert.match(arp.toLowerCase(), new RegExp(`\\[${node.mac}\\]`));
    const ndp = await run('ndisc6', ['-1', '-q', node.ipv6, 'data0'], { netns });
    assert.equal(ndp.trim().toLowerCase(), node.mac);
  }
}

async function nodesAreReal(lab: Lab): Promise<void> {
  const fields = [
    '{.metadata.name}',
    '{.status.addresses[0].address}',
    '{.metadata.labels.zone}',
    '{.spec.podCIDR}',
  ];
  const path = `jsonpath={range .items[*]}${fields.join(' ')}{"\\n"}{end}`;
  assert.equal(
    await lab.controlPlane.kubectl(['get', 'nodes', '-o', path]),
    'n1 192.0.2.11  10.244.1.0/24\nn2 192.0.2.12 b 10.244.2.0/24\nn3 192.0.2.13  10.244.3.0/24\n',
  );
}

async function clusterIpWorks(lab: Lab): Promise<void> {
  await lab.service({ name: 'web', type: 'ClusterIP', backends: lab.backends });
  const { netns } = lab.client('c1');
  const [network] = serviceNetworks;
  const ip = await lab.controlPlane.kubectl([
    'get',
    'svc',
    'web',
    '-o',
    'jsonpath={.spec.clusterIP}',
  ]);
  for (const node of lab.nodes) {
    await run('ip', ['route', 'replace', network, 'via', node.ipv4], { netns });
    const names = new Set<string>();
    await until(`every backend answers through ${node.name}`, async () => {
      names.add((await curl(netns, `http://${ip}:${httpPort}/`)).trim());
      return names.size === 3;
    });
    assert.deepEqual([...names].sort(), ['b1 n1', 'b2 n2', 'b3 n3']);
    assert.match(await udpEcho(netns, ip), /^b\d n\d ping$/);
  }
  await run('ip', ['route', 'del', network], { netns });
}

async function localPolicyWorks(lab: Lab): Promise<void> {
  const [n1, n2] = [lab.node('n1'), lab.node('n2')];
  const { netns } = lab.client('c1');
  const externalTrafficPolicy = 'Local';
  await lab.service({
    name: 'local',
    type: 'NodePort',
    externalTrafficPolicy,
    backends: lab.backends,
  });
  const path = 'jsonpath={.spec.ports[0].nodePort}';
  const port = await lab.controlPlane.kubectl(['get', 'svc', 'local', '-o', path]);
  const ask = async (address: string) => (await curl(netns, `http://${address}:${port}/`)).trim();
  const askN2 = () => ask(n2.ipv4).catch(() => 'nothing');
  await until('n2 sends to its own', async () => (await askN2()) === 'b2 n2');
  for (let i = 0; i < 5; i++) assert.equal(await ask(n1.ipv4), 'b1 n1');
  await lab.setReady(lab.backend('b2'), 'not ready');
  await until('n2 has no backend left', async () => (await askN2()) === 'nothing');
  await lab.setReady(lab.backend('b2'), 'ready');
  await until('n2 sends to its own again', async () => (await askN2()) === 'b2 n2');
}

async function rolesAreReal(lab: Lab): Promise<void> {
  await lab.install();
  const account = 'leasehold-agent';
  const config = await lab.controlPlane.serviceAccountKubeconfig(installNamespace, account);
  const env = { KUBECONFIG: config, KUBECACHEDIR: lab.controlPlane.folder };
  const { netns } = lab.node('n3');
  // `can-i` ends with code 1 when the answer is no.
  const auth = async (...args: string[]) =>
    run('sh', ['-c', '"$0" auth "$@" || true', asset('kubectl'), ...args], { netns, env });
  const can = async (...what: string[]) => (await auth('can-i', ...what)).trim();
  assert.equal(
    await auth('whoami', '-o', 'jsonpath={.status.userInfo.username}'),
    `system:serviceaccount:${installNamespace}:${account}`,
  );
  assert.equal(await can('list', 'leases', '-n', installNamespace), 'yes');
  assert.equal(await can('list', 'services', '-A'), 'yes');
  assert.equal(await can('list', 'leases', '-n', 'default'), 'no');
  assert.equal(await can('get', 'secrets', '-A'), 'no');
}

function curl(netns: string, url: string): Promise<string> {
  return run('curl', ['-sf', '--max-time', '1', url], { netns });
}

async function udpEcho(netns: string, address: string): Promise<string> {
  const script = `
    const socket = require('node:dgram').createSocket('udp4');
    socket.on('message', (data) => { console.log(String(data)); process.exit(0); });
    socket.send('ping', ${udpPort}, '${address}');
    setTimeout(() => process.exit(1), 1000);`;
  return (await run(process.execPath, ['-e', script], { netns })).trim();
}
