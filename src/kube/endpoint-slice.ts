import type { EndpointSlice, NodeName } from '../model.ts';
import { decodeWith, list, optionalRecord, optionalText, record } from './json.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** A discovery.k8s.io/v1 EndpointSlice, reduced to the nodes that have a ready endpoint. */
export const decodeEndpointSlice = decodeWith<EndpointSlice>((object, meta) => {
  const ready = new Set<NodeName>();
  for (const item of list(object['endpoints'], 'endpoints')) {
    const endpoint = record(item, 'endpoints');
    const conditions = optionalRecord(endpoint['conditions'], 'endpoints.conditions');
    const node = optionalText(endpoint['nodeName'], 'endpoints.nodeName');
    // An unknown readiness means ready (API reference of EndpointConditions).
    if (node !== undefined && conditions['ready'] !== false) ready.add(node);
  }
  return {
    namespace: meta.namespace,
    name: meta.name,
    service: meta.labels[SERVICE_NAME_LABEL] ?? '',
    readyNodes: [...ready],
  };
});
