import type { ApiFailure } from '../kube/answer.ts';
import type { KubeApi } from '../kube/api.ts';
import { decodeSecret, type Secret, secretPath } from '../kube/secret.ts';
import type { Clock } from '../sys/clock.ts';
import type { Log } from '../sys/log.ts';

/** The Secret that the DaemonSet mounts. */
export const WITNESS_SECRET = 'leasehold-witness';
/** Bytes of a key that we make, and the fewest that an agent takes. */
export const KEY_BYTES = 32;

/** Looked at once a minute, for whoever deletes it; sooner while it cannot be read or made. */
const LOOK_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;

export interface WitnessKeyOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  /** Fresh random bytes for a key. */
  readonly newKey: () => Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** The bytes of a Secret by their names. */
export type SecretData = Secret['data'];

/** What was found: `usable` and `created` are good, the others name what is in the way. */
export type WitnessKeyState =
  /** `data` is unknown if somebody else created it a moment ago. */
  | { readonly kind: 'usable' | 'created'; readonly data: SecretData | undefined }
  | { readonly kind: 'unusable'; readonly reason: string }
  | { readonly kind: 'failed'; readonly failure: ApiFailure };

/**
 * Sees to it that the key of the witness exists, until aborted; what exists is never changed. What
 * was deleted comes back as it was: with another key, nodes would fall silent for each other while it
 * reaches them.
 */
export async function keepWitnessKey(options: WitnessKeyOptions): Promise<void> {
  const { clock, log, signal } = options;
  let told = '';
  let known: SecretData | undefined;
  for (let failures = 0; !signal.aborted; ) {
    const state = await ensureWitnessKey(options, known);
    if ('data' in state) known = state.data ?? known;
    const problem = problemOf(state);
    if (state.kind === 'created') log.info({ secret: WITNESS_SECRET }, 'witness key created');
    if (problem !== undefined && problem !== told && !signal.aborted) {
      log.warn({ secret: WITNESS_SECRET, reason: problem }, 'no usable witness key');
    }
    told = problem ?? '';
    failures = state.kind === 'failed' ? failures + 1 : 0;
    const pause = failures === 0 ? LOOK_MS : FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 6);
    await clock.sleep(Math.min(pause, LOOK_MS), signal);
  }
}

/** One look: creates the Secret if there is none, as it is known, else with a fresh key. */
export async function ensureWitnessKey(
  options: Pick<WitnessKeyOptions, 'api' | 'namespace' | 'newKey' | 'signal'>,
  known?: SecretData,
): Promise<WitnessKeyState> {
  const { api, namespace, newKey, signal } = options;
  const found = await api.request({ path: secretPath(namespace, WITNESS_SECRET), signal });
  if (found.ok) return judge(found.body);
  if (found.kind !== 'not-found') return { kind: 'failed', failure: found };
  const data = known ?? new Map([['key', newKey()]]);
  // By POST: where somebody has made one in between, it is refused and theirs stays.
  const made = await api.request({
    method: 'POST',
    path: secretPath(namespace),
    body: manifest(namespace, data),
    signal,
  });
  if (made.ok) return { kind: 'created', data };
  if (made.kind === 'conflict') return { kind: 'usable', data: undefined };
  return { kind: 'failed', failure: made };
}

function judge(body: unknown): WitnessKeyState {
  const secret = decodeSecret(body);
  if (!secret.ok) return { kind: 'unusable', reason: secret.error.message };
  const length = secret.value.data.get('key')?.length;
  if (length !== undefined && length >= KEY_BYTES)
    return { kind: 'usable', data: secret.value.data };
  const what = length === undefined ? 'has no "key"' : `has a "key" of ${length} bytes`;
  const remedy = `give it ${KEY_BYTES} random bytes, or delete it and it is created anew`;
  return { kind: 'unusable', reason: `it ${what}: ${remedy}` };
}

function problemOf(state: WitnessKeyState): string | undefined {
  if (state.kind === 'unusable') return state.reason;
  if (state.kind !== 'failed') return undefined;
  const { kind, message } = state.failure;
  return kind === 'forbidden' ? `${message}; apply deploy/rbac.yaml` : message;
}

function manifest(namespace: string, data: SecretData): object {
  const base64 = [...data].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: WITNESS_SECRET,
      namespace,
      labels: {
        'app.kubernetes.io/name': 'leasehold',
        'app.kubernetes.io/component': 'witness-key',
      },
    },
    type: 'Opaque',
    data: Object.fromEntries(base64),
  };
}
