import { apiAddress, backendGateway } from './addressing.ts';
import type { Registry } from './registry.ts';
import { run } from './run.ts';
import type { Backend, Client, Host, Node, Segment } from './types.ts';

/** The hosts of a lab, before and after they are made. */
export interface Hosts {
  readonly nodes: readonly Node[];
  readonly clients: readonly Client[];
  readonly backends: readonly Backend[];
}

export interface Network extends Hosts {
  readonly segment: Segment;
  /** Namespace of the control plane, which is on the management network only. */
  readonly controlPlane: string;
}

/**
 * Makes the namespaces and links of a lab: a switch with the bridges `data` and `mgmt`, the control
 * plane on `mgmt`, nodes on both, clients on `data`, each backend behind its node like a pod.
 */
export async function buildNetwork(registry: Registry, hosts: Hosts): Promise<Network> {
  const { nodes, clients, backends } = hosts;
  const sw = `${registry.id}-sw`;
  const cp = `${registry.id}-cp`;
  const spaces = [sw, cp, ...[...nodes, ...clients, ...backends].map((host) => host.netns)];
  for (const space of spaces) registry.netns(space);
  await run('ip', ['-batch', '-'], { input: lines(spaces.map((space) => `netns add ${space}`)) });
  await Promise.all([
    sysctl(sw, { ...quietIpv6, 'net/bridge/bridge-nf-call-iptables': 0 }),
    sysctl(cp, host),
    ...nodes.map((node) => sysctl(node.netns, { ...host, ...router })),
    ...[...clients, ...backends].map(({ netns }) => sysctl(netns, host)),
  ]);
  await ip(sw, [
    ...['data', 'mgmt'].flatMap(bridge),
    ...plug('mgmt', 'cp', { netns: cp, link: 'mgmt0', mac: '02:00:00:00:02:00' }),
    ...nodes.flatMap(managementPlug),
    ...[...nodes, ...clients].flatMap(dataPlug),
  ]);
  for (const [index, backend] of backends.entries()) {
    await connectBackend(backend, index + 1, nodeOf(nodes, backend));
  }
  await Promise.all([
    ip(cp, ['link set lo up', `address add ${apiAddress}/24 dev mgmt0`, 'link set mgmt0 up']),
    ...clients.map((client) => ip(client.netns, ['link set lo up', ...dataLink(client)])),
    ...nodes.map((node) =>
      ip(node.netns, [
        'link set lo up',
        `address add ${node.managementIpv4}/24 dev mgmt0`,
        'link set mgmt0 up',
        ...dataLink(node),
        ...podRoutes(node, nodes),
      ]),
    ),
  ]);
  const ports = new Map([...nodes, ...clients].map(({ port, name }) => [port, name]));
  return { ...hosts, segment: { netns: sw, bridge: 'data', ports }, controlPlane: cp };
}

/** Runs lines of `ip -batch` in a namespace; the first that fails ends it. */
export async function ip(netns: string, commands: readonly string[]): Promise<void> {
  if (commands.length > 0)
    await run('ip', ['-n', netns, '-batch', '-'], { input: lines(commands) });
}

/** Lines for the switch that plug a host's data link in. */
export function dataPlug(host: Host): string[] {
  return plug('data', host.port, { netns: host.netns, link: host.link, mac: host.mac });
}

/** Lines for the host that give its data link its addresses and set it up. */
export function dataLink(host: Host): string[] {
  return [
    `address replace ${host.ipv4}/24 dev data0`,
    `address replace ${host.wideIpv4}/16 dev data0`,
    `address replace ${host.ipv6}/64 dev data0 nodad`,
    'link set data0 up',
  ];
}

/**
 * Lines for a node: the way to the backends behind the others. The kernel forgets it on link
 * down.
 */
export function podRoutes(node: Node, nodes: readonly Node[]): string[] {
  return nodes
    .filter((other) => other.name !== node.name)
    .flatMap(({ podCidrs: [pods4, pods6], ipv4, ipv6 }) => [
      `route replace ${pods4} via ${ipv4} dev data0`,
      `route replace ${pods6} via ${ipv6} dev data0`,
    ]);
}

/** Addresses are usable at once (no duplicate address detection) and no router is listened to. */
const quickIpv6 = Object.fromEntries(
  ['all', 'default'].flatMap((which) => [
    [`net/ipv6/conf/${which}/accept_dad`, 0],
    [`net/ipv6/conf/${which}/dad_transmits`, 0],
    [`net/ipv6/conf/${which}/accept_ra`, 0],
    [`net/ipv6/conf/${which}/keep_addr_on_down`, 1],
  ]),
);
/** The switch itself says nothing on the segment. */
const quietIpv6 = { 'net/ipv6/conf/all/disable_ipv6': 1, 'net/ipv6/conf/default/disable_ipv6': 1 };
const host = {
  ...quickIpv6,
  'net/ipv4/conf/all/rp_filter': 0,
  'net/ipv4/conf/default/rp_filter': 0,
  'net/ipv4/conf/all/accept_redirects': 0,
};
/** Redirects would tell the client of the node behind the node. */
const router = {
  'net/ipv4/ip_forward': 1,
  'net/ipv6/conf/all/forwarding': 1,
  'net/ipv4/conf/all/send_redirects': 0,
  'net/ipv4/conf/default/send_redirects': 0,
};

async function sysctl(netns: string, values: Readonly<Record<string, number>>): Promise<void> {
  const input = lines(
    Object.entries(values).map(
      ([path, value]) => `[ ! -e /proc/sys/${path} ] || echo ${value} >/proc/sys/${path} || exit 1`,
    ),
  );
  await run('sh', [], { netns, input });
}

function bridge(name: string): string[] {
  return [
    `link add name ${name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set dev ${name} up`,
  ];
}

function managementPlug(node: Node): string[] {
  const mac = node.mac.replace(/^02:00:00:00:00/, '02:00:00:00:02');
  return plug('mgmt', node.managementPort, { netns: node.netns, link: 'mgmt0', mac });
}

function plug(
  bridgeName: string,
  port: string,
  to: { netns: string; link: string; mac: string },
): string[] {
  return [
    `link add name ${port} type veth peer name ${to.link} address ${to.mac} netns ${to.netns}`,
    `link set dev ${port} master ${bridgeName}`,
    `link set dev ${port} up`,
  ];
}

async function connectBackend(backend: Backend, index: number, node: Node): Promise<void> {
  // The agent's default exclusions know the name: a pod's link carries no VIP.
  const link = `veth-${backend.name}`;
  const gateway = backendGateway(node, index);
  await ip(node.netns, [
    `link add name ${link} type veth peer name eth0 netns ${backend.netns}`,
    `address add ${gateway.ipv4}/30 dev ${link}`,
    `address add ${gateway.ipv6}/126 dev ${link} nodad`,
    `link set dev ${link} up`,
  ]);
  await ip(backend.netns, [
    'link set lo up',
    `address add ${backend.ipv4}/30 dev eth0`,
    `address add ${backend.ipv6}/126 dev eth0 nodad`,
    'link set eth0 up',
    `route add default via ${gateway.ipv4}`,
    `route add default via ${gateway.ipv6}`,
  ]);
}

function nodeOf(nodes: readonly Node[], backend: Backend): Node {
  const found = nodes.find((node) => node.name === backend.node);
  if (found === undefined) throw new Error(`backend ${backend.name}: no node ${backend.node}`);
  return found;
}

function lines(commands: readonly string[]): string {
  return `${commands.join('\n')}\n`;
}
