import type { ApiFailure } from '../kube/answer.ts';
import type { KubeApi } from '../kube/api.ts';
import { isRecord } from '../kube/json.ts';
import type { NodeName } from '../model.ts';
import type { Clock } from '../sys/clock.ts';
import type { Log } from '../sys/log.ts';

const RETRY_MS = 1000;

/** What the API server knows this agent's place by. */
export interface ClusterIdentity {
  /** UID of the namespace `kube-system`, which stands for the cluster. */
  readonly clusterUid: string;
  /** UID of this node's Node object, which owns the Leases. */
  readonly nodeUid: string;
}

/** Reads both, waiting for as long as the API server, the node or the permission is not there yet. */
export async function clusterIdentity(
  node: NodeName,
  deps: { readonly api: KubeApi; readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<ClusterIdentity | 'aborted'> {
  const nodeUid = await uidOf(`/api/v1/nodes/${node}`, `node '${node}'`, deps, signal);
  const clusterUid = await uidOf(
    '/api/v1/namespaces/kube-system',
    "namespace 'kube-system'",
    deps,
    signal,
  );
  return nodeUid === undefined || clusterUid === undefined ? 'aborted' : { clusterUid, nodeUid };
}

async function uidOf(
  path: string,
  what: string,
  { api, clock, log }: { readonly api: KubeApi; readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<string | undefined> {
  let told = '';
  while (!signal.aborted) {
    const answer = await api.request({ path, signal, timeoutMs: 5000 });
    if (answer.ok) {
      const uid = uidIn(answer.body);
      if (uid !== undefined) return uid;
    }
    const problem = answer.ok ? 'the answer has no metadata.uid' : remedy(answer, what);
    if (problem !== told) log.warn({ server: api.server }, `Cannot read ${what}: ${problem}`);
    told = problem;
    await clock.sleep(RETRY_MS, signal);
  }
  return undefined;
}

function remedy(failure: ApiFailure, what: string): string {
  switch (failure.kind) {
    case 'not-found':
      return `${what} does not exist; the value of --node-name must be that of a Node. Trying again`;
    case 'forbidden':
      return `${failure.message}. Apply deploy/rbac.yaml. Trying again`;
    default:
      return `${failure.message}. Trying again`;
  }
}

function uidIn(body: unknown): string | undefined {
  if (!isRecord(body) || !isRecord(body['metadata'])) return undefined;
  const uid = body['metadata']['uid'];
  return typeof uid === 'string' ? uid : undefined;
}
