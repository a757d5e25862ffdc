import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from '../lab/agents.ts';
import type { Lab } from '../lab/lab.ts';
import { run } from '../lab/run.ts';
import { serviceObjects } from '../lab/service.ts';
import type { Node } from '../lab/types.ts';
import { until } from '../lab/until.ts';
import { claim } from './claim.ts';
import {
  failOver,
  judgeResult,
  measured,
  pcapOf,
  resultLines,
  startDemoJudge,
  timeline,
} from './failover.ts';
import type { Screen } from './screen.ts';
import { type Typist, typistIn } from './typist.ts';

/** From a claim to the first answer: a read of all Leases. */
const ACTIVATION_MS = 300;
const manifest = 'test/demo/web.yaml';
const service = 'web';
const namespace = 'leasehold-system';

export interface Ending {
  readonly vip: string;
  readonly owner: Node;
}

/**
 * Tells the whole story in a lab and returns how it ended; rejects with a sentence if anything it
 * shows is not true.
 */
export async function tell(lab: Lab, screen: Screen): Promise<Ending> {
  const typist = typistIn(lab, screen);
  const agents = await install(lab, screen);
  const judge = await startDemoJudge(lab);
  const vip = await serve(lab, screen, typist);
  const owner = await reach(lab, screen, { typist, vip });

  screen.heading(`power off: ${owner.name}, the owner`);
  screen.note(
    'The client asks for the VIP by ARP and sends a UDP datagram through it, each every 10 ms.',
  );
  const afterwards = () => endpoints(lab, owner);
  const failover = await failOver(lab, { vip, owner, agents, judge, afterwards });
  const { to, powerOff } = failover;
  for (const line of timeline(measured(failover, judge.soFar()))) screen.note(line);
  screen.note(
    "(Kubernetes takes the dead node's backend out of the EndpointSlice once it gives up on it.\n" +
      ' The demo did so at once, to measure the address and nothing else.)',
  );

  screen.heading(`who owns ${vip} now, and why`);
  const fields = ['claims', 'fences'].map(
    (name) => `{.metadata.annotations.leasehold\\.dev/${name}}`,
  );
  const path = `${fields.join('{"\\n"}')}{"\\n"}`;
  await typist.asAdmin(`kubectl -n ${namespace} get lease claims.${to.name} -o jsonpath='${path}'`);
  const log = agents.get(to.name)?.process.log ?? '';
  await typist.asAdmin(`grep '"vip":"${vip}"' ${log}`);

  screen.heading('the client again');
  const answerer = await arping(lab, screen, { typist, vip });
  claim(answerer === to, `${answerer.name} answers for ${vip}, though ${to.name} took it over`);
  await curls(typist, screen, vip);

  screen.heading(
    `how ${to.name} announced it: its gratuitous ARP, as the switch's port ${to.port} saw it`,
  );
  const report = await judge.finish();
  screen.note(`Power-off was at ${clock(powerOff)}; the filter: sender address = target address.`);
  const isGarp = 'arp[14:4] = arp[24:4]';
  await typist.onSwitch(
    `tcpdump -e -n -r ${pcapOf(lab)} '${isGarp}' 2>/dev/null | grep ' ${to.port} '`,
  );

  screen.heading('what was measured, on every port of the switch');
  const result = measured(failover, report);
  screen.output(resultLines(result).join('\n'));
  judgeResult(result);
  return { vip, owner: to };
}

/** CRDs, roles, controller and agents; resolves when every agent takes part. */
async function install(lab: Lab, screen: Screen): Promise<ReadonlyMap<string, Daemon>> {
  screen.heading('install: CRDs and roles of deploy/, the controller, an agent on each node');
  await lab.install();
  const controller = await lab.controller();
  const key = await witnessKey(lab);
  const flags = ['--witness-key-file', key];
  const daemons = [
    controller,
    ...(await Promise.all(lab.nodes.map((node) => lab.agent(node, ...flags)))),
  ];
  const agents = new Map(daemons.slice(1).map((agent) => [agent.name, agent]));
  const isMember = async () => {
    const ended = daemons.find((daemon) => daemon.process.exit !== undefined);
    claim(ended === undefined, `${ended?.name} has ended: ${ended?.process.tail()}`);
    const leases = await lab.controlPlane.kubectl(['-n', namespace, 'get', 'lease', '-o', 'name']);
    const missing = lab.nodes.filter(({ name }) => !leases.includes(`/hb.${name}\n`));
    const names = missing.map(({ name }) => name).join(', ');
    const words = missing.map(({ name }) => agents.get(name)?.process.tail()).join('\n');
    claim(missing.length === 0, `no heartbeat of ${names}; what they say:\n${words}`);
    return true;
  };
  await until('every agent has a heartbeat Lease', isMember, { timeout: 20_000, every: 200 });
  const places = lab.nodes.map(({ name, ipv4, mac }) => `${name} ${ipv4} (${mac})`);
  screen.note(`Nodes: ${places.join(', ')}`);
  return agents;
}

/** The key that the controller has made, in a file as the DaemonSet mounts it. */
async function witnessKey(lab: Lab): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/secrets/leasehold-witness`;
  const read = async () => {
    const secret = (await lab.controlPlane.api.request('GET', path)) as Secret;
    return secret.data.key;
  };
  const key = await until('the controller has made the key of the witness', read);
  const file = join(lab.controlPlane.folder, 'witness.key');
  writeFileSync(file, Buffer.from(key, 'base64'), { mode: 0o600 });
  return file;
}

interface Secret {
  readonly data: { readonly key: string };
}

/** Applies pool, L2Advertisement and Service, and returns the address that the Service got. */
async function serve(lab: Lab, screen: Screen, typist: Typist): Promise<string> {
  screen.heading('a pool, an L2Advertisement and a Service');
  await typist.asAdmin(`cat ${manifest}`);
  await typist.asAdmin(`kubectl apply --validate=strict -f ${manifest}`);
  await endpoints(lab);
  screen.note(
    '(The lab has no pods. The Service is backed by three HTTP servers, one behind each node.)',
  );
  const vip = await lab.vip(service);
  const table = await typist.asAdmin(`kubectl get svc ${service}`);
  claim(table.includes(vip), `kubectl does not show ${vip} as EXTERNAL-IP`);
  return vip;
}

/** The client's first look; returns the node that owns the VIP. */
async function reach(
  lab: Lab,
  screen: Screen,
  { typist, vip }: { readonly typist: Typist; readonly vip: string },
): Promise<Node> {
  screen.heading(`the client, ${lab.client('c1').ipv4}, on the same segment`);
  const { netns } = lab.client('c1');
  await claimed(lab, vip);
  const isAnswered = () =>
    run('arping', ['-q', '-c', '1', '-w', '1', '-I', 'data0', vip], { netns });
  await until(`somebody answers for ${vip}`, async () => (await isAnswered()) === '');
  const owner = await arping(lab, screen, { typist, vip });
  await curls(typist, screen, vip);
  return owner;
}

/** Resolves once a node has claimed the VIP: a request before that is nobody's, and would be judged. */
async function claimed(lab: Lab, vip: string): Promise<void> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const isThere = async () =>
    JSON.stringify(await lab.controlPlane.api.request('GET', path)).includes(`\\"${vip}\\"`);
  await until(`a node has claimed ${vip}`, isThere);
  await sleep(ACTIVATION_MS);
}

/** Asks who has the VIP and says whose the MAC is. */
async function arping(
  lab: Lab,
  screen: Screen,
  { typist, vip }: { readonly typist: Typist; readonly vip: string },
): Promise<Node> {
  const output = await typist.onClient(`arping -c 2 -I data0 ${vip}`);
  const macs = new Set([...output.matchAll(/\[([0-9A-Fa-f:]{17})\]/g)].map(([, mac = '']) => mac));
  const [mac = 'nobody', ...more] = [...macs].map((text) => text.toLowerCase());
  claim(more.length === 0, `more than one MAC answers for ${vip}: ${[...macs].join(', ')}`);
  const node = lab.nodes.find((one) => one.mac === mac);
  claim(node !== undefined, `${mac}, which answers for ${vip}, is the MAC of no node`);
  screen.note(`${mac} is data0 of ${node.name}.`);
  return node;
}

/** Ten requests; each is to reach a backend, and not all of them the same. */
async function curls(typist: Typist, screen: Screen, vip: string): Promise<void> {
  const output = await typist.onClient(
    `for i in {1..10}; do curl -sS --max-time 2 http://${vip}/; done`,
  );
  const answers = output.split('\n').filter((line) => /^b\d+ n\d+$/.test(line));
  claim(answers.length === 10, `only ${answers.length} of ten requests were answered`);
  const tally = [...Map.groupBy(answers.toSorted(), (name) => name)];
  claim(tally.length > 1, `all ten requests reached the same backend`);
  const counts = tally.map(([name, all]) => `${all.length} by ${name.replace(' ', ' on ')}`);
  screen.note(`Answered: ${counts.join(', ')}.`);
}

/** What a cluster's own controllers write for a Service with pods: its EndpointSlice. */
async function endpoints(lab: Lab, without?: Node): Promise<void> {
  const notReady = lab.backends.filter(({ node }) => node === without?.name);
  const [, ...slices] = serviceObjects({
    name: service,
    backends: lab.backends,
    notReady: notReady.map(({ name }) => name),
  });
  for (const slice of slices) await lab.apply(slice);
}

function clock(at: number): string {
  const date = new Date(at);
  const pair = (value: number, digits = 2) => String(value).padStart(digits, '0');
  const seconds = `${pair(date.getSeconds())}.${pair(date.getMilliseconds(), 3)}`;
  return `${pair(date.getHours())}:${pair(date.getMinutes())}:${seconds}`;
}
