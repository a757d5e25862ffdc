import type { KubeObject } from './api.ts';
import type { Backend } from './types.ts';

/** A Service over backends of the lab, as a test describes it. */
export interface ServiceSpec {
  readonly name: string;
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** `LoadBalancer` if not given. */
  readonly type?: 'LoadBalancer' | 'NodePort' | 'ClusterIP';
  readonly externalTrafficPolicy?: 'Cluster' | 'Local';
  readonly loadBalancerClass?: string;
  /** IPv4 alone if not given. */
  readonly ipFamilies?: readonly ('IPv4' | 'IPv6')[];
  readonly backends: readonly Backend[];
  /** Names of those of `backends` that are not ready. */
  readonly notReady?: readonly string[];
}

/** Port of every lab Service for HTTP over TCP, and for the UDP echo. */
export const httpPort = 80;
export const udpPort = 9000;

/**
 * The objects of a Service: itself without a selector, and an EndpointSlice per family that the lab
 * writes in place of a controller.
 */
export function serviceObjects(spec: ServiceSpec): KubeObject[] {
  const { name, namespace = 'default', type = 'LoadBalancer', ipFamilies = ['IPv4'] } = spec;
  const external = type === 'ClusterIP' ? undefined : (spec.externalTrafficPolicy ?? 'Cluster');
  const service: KubeObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, annotations: spec.annotations ?? {} },
    spec: {
      type,
      ipFamilies,
      ipFamilyPolicy: ipFamilies.length > 1 ? 'RequireDualStack' : 'SingleStack',
      ...(external === undefined ? {} : { externalTrafficPolicy: external }),
      ...(spec.loadBalancerClass === undefined
        ? {}
        : { loadBalancerClass: spec.loadBalancerClass }),
      ports: [
        { name: 'http', protocol: 'TCP', port: httpPort, targetPort: 8080 },
        { name: 'udp', protocol: 'UDP', port: udpPort, targetPort: 8080 },
      ],
    },
  };
  return [service, ...ipFamilies.map((family) => endpointSlice(spec, family))];
}

function endpointSlice(spec: ServiceSpec, family: 'IPv4' | 'IPv6'): KubeObject {
  const { name, namespace = 'default', backends, notReady = [] } = spec;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${family.toLowerCase()}`,
      namespace,
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: family,
    ports: [
      { name: 'http', protocol: 'TCP', port: 8080 },
      { name: 'udp', protocol: 'UDP', port: 8080 },
    ],
    endpoints: backends.map((backend) => {
      const ready = !notReady.includes(backend.name);
      return {
        addresses: [family === 'IPv4' ? backend.ipv4 : backend.ipv6],
        nodeName: backend.node,
        conditions: { ready, serving: ready, terminating: false },
      };
    }),
  };
}
