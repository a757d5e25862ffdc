import { request } from 'node:http';

/**
 * A Kubernetes object as the lab handles it: what it needs to find its place, and whatever else.
 */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** The API as the lab's admin, over the unix socket of a `kubectl proxy` in the control plane. */
export interface Api {
  /** Resolves with the answer's JSON; rejects with the server's words on any status over 299. */
  request(method: string, path: string, body?: unknown, type?: string): Promise<unknown>;
  /** Server-side apply as `lab`, taking over fields of others; creates what is not there. */
  apply(object: KubeObject): Promise<unknown>;
  delete(object: KubeObject): Promise<void>;
}

/** Plurals of the kinds that are not their lower-case names with an `s`. */
const plurals: Readonly<Record<string, string>> = {
  EndpointSlice: 'endpointslices',
  IPAddressPool: 'ipaddresspools',
  L2Advertisement: 'l2advertisements',
  VIPStatus: 'vipstatuses',
};
const clusterWide = new Set(['Node', 'Namespace', 'ClusterRole', 'ClusterRoleBinding']);

export function apiOver(socketPath: string): Api {
  const call = (method: string, path: string, body?: unknown, type = 'application/json') =>
    new Promise<unknown>((resolve, reject) => {
      const sent = request({
        socketPath,
        method,
        path,
        timeout: 30_000,
        headers: { 'content-type': type },
      });
      sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer in 30 s`)));
      sent.on('error', reject);
      sent.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('error', reject);
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          if (status > 299) reject(new Error(`${method} ${path}: ${status}: ${reason(text)}`));
          else resolve(text.startsWith('{') ? JSON.parse(text) : text);
        });
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  return {
    request: call,
    apply: (object) =>
      call(
        'PATCH',
        `${pathOf(object)}?fieldManager=lab&force=true&fieldValidation=Strict`,
        object,
        'application/apply-patch+yaml',
      ),
    delete: async (object) => {
      await call('DELETE', pathOf(object));
    },
  };
}

/** Path of an object in the API. */
export function pathOf({ apiVersion, kind, metadata }: KubeObject): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const space = clusterWide.has(kind) ? '' : `/namespaces/${metadata.namespace ?? 'default'}`;
  return `${root}${space}/${plurals[kind] ?? `${kind.toLowerCase()}s`}/${metadata.name}`;
}

function reason(text: string): string {
  try {
    const status: unknown = JSON.parse(text);
    if (typeof status === 'object' && status !== null && 'message' in status) {
      return String(status.message);
    }
  } catch {
    // Not a Status object: the text itself has to do.
  }
  return text.trim();
}
