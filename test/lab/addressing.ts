import type { Backend, Client, Node } from './types.ts';

/** The control plane's address on the management network, and the port of its API server. */
export const apiAddress = '10.99.0.1';
export const apiPort = 6443;

export const podNetworks = ['10.244.0.0/16', 'fd00:244::/48'] as const;
export const serviceNetworks = ['10.96.0.0/16', 'fd00:96::/112'] as const;
/** Port of every backend, for UDP and TCP. */
export const backendPort = 8080;

const maximum = 90;

/** Everything that is known of the `index`-th node (from 1) of the lab `id` before it is made. */
export function node(id: string, index: number): Node {
  check('nodes', index);
  return {
    kind: 'node',
    ...host(id, `n${index}`, { macGroup: 0, index, last: 10 + index }),
    managementIpv4: `10.99.0.${10 + index}`,
    managementPort: `n${index}-mgmt`,
    podCidrs: [`10.244.${index}.0/24`, `fd00:244:0:${index}::/64`],
  };
}

/** The `index`-th client (from 1). */
export function client(id: string, index: number): Client {
  check('clients', index);
  return {
    kind: 'client',
    ...host(id, `c${index}`, { macGroup: 1, index, last: 200 + (index % 50) }),
  };
}

/** The `index`-th backend of the lab (from 1), which runs on the node `on`. */
export function backend(id: string, index: number, on: Node): Backend {
  if (index > 60) throw new Error(`a lab has at most 60 backends, not ${index}`);
  const [pods4, pods6] = on.podCidrs;
  return {
    name: `b${index}`,
    netns: `${id}-b${index}`,
    node: on.name,
    ipv4: pods4.replace('0/24', `${4 * index + 2}`),
    ipv6: pods6.replace('/64', `${(4 * index + 2).toString(16)}`),
    port: backendPort,
  };
}

/** The node's end of the point-to-point link to a backend: one address below the backend's. */
export function backendGateway(on: Node, index: number): { ipv4: string; ipv6: string } {
  const [pods4, pods6] = on.podCidrs;
  return {
    ipv4: pods4.replace('0/24', `${4 * index + 1}`),
    ipv6: pods6.replace('/64', `${(4 * index + 1).toString(16)}`),
  };
}

function host(id: string, name: string, at: { macGroup: number; index: number; last: number }) {
  const pair = (value: number) => value.toString(16).padStart(2, '0');
  return {
    name,
    netns: `${id}-${name}`,
    link: 'data0' as const,
    mac: `02:00:00:00:${pair(at.macGroup)}:${pair(at.index)}`,
    ipv4: `192.0.2.${at.last}`,
    ipv6: `2001:db8:1::${at.last}`,
    wideIpv4: `198.18.0.${at.last}`,
    port: name,
  };
}

function check(what: string, index: number): void {
  if (index > maximum) throw new Error(`a lab has at most ${maximum} ${what}, not ${index}`);
}
