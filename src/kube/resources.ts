import type { ClusterNode, EndpointSlice, L2Advertisement, Pool, Service } from '../model.ts';
import { decodeL2Advertisement } from './advertisement.ts';
import type { Query } from './api.ts';
import { decodeEndpointSlice, SERVICE_NAME_LABEL } from './endpoint-slice.ts';
import type { Decode } from './json.ts';
import { decodeNode } from './node.ts';
import { decodePool } from './pool.ts';
import { decodeService } from './service.ts';

/** One kind of object, as a store lists, watches and decodes it. */
export interface Resource<T> {
  /** As kubectl spells it; also the metric label. */
  readonly name: string;
  readonly path: string;
  readonly query?: Query;
  /**
   * Objects in a page of the list, default 500: fewer where objects are big, so that parsing a page
   * stays short.
   */
  readonly pageSize?: number;
  readonly decode: Decode<T>;
}

export const GROUP = 'leasehold.dev';
export const VERSION = 'v1alpha1';

export const services: Resource<Service> = {
  name: 'services',
  path: '/api/v1/services',
  decode: decodeService,
};

export const nodes: Resource<ClusterNode> = {
  name: 'nodes',
  path: '/api/v1/nodes',
  pageSize: 100,
  decode: decodeNode,
};

export const endpointSlices: Resource<EndpointSlice> = {
  name: 'endpointslices.discovery.k8s.io',
  path: '/apis/discovery.k8s.io/v1/endpointslices',
  query: { labelSelector: SERVICE_NAME_LABEL },
  pageSize: 100,
  decode: decodeEndpointSlice,
};

export function pools(namespace: string): Resource<Pool> {
  return own(namespace, 'ipaddresspools', decodePool);
}

export function l2Advertisements(namespace: string): Resource<L2Advertisement> {
  return own(namespace, 'l2advertisements', decodeL2Advertisement);
}

function own<T>(namespace: string, plural: string, decode: Decode<T>): Resource<T> {
  return {
    name: `${plural}.${GROUP}`,
    path: `/apis/${GROUP}/${VERSION}/namespaces/${namespace}/${plural}`,
    decode,
  };
}
