import type { SecureContextOptions } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import { add, type Instant, NEVER } from '../instant.ts';
import type { Clock } from '../sys/clock.ts';
import type { Log } from '../sys/log.ts';

/** Where the API server is and how to prove who we are. */
export interface Credentials {
  readonly origin: string;
  /** Prefix of every path, without a slash at its end; mostly empty. */
  readonly basePath: string;
  readonly tls: TlsMaterial;
  readonly headers: Readonly<Record<string, string>>;
}

export type TlsMaterial = Pick<SecureContextOptions, 'ca' | 'cert' | 'key'> & {
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
};

export interface CredentialOptions {
  /** Undefined: the ServiceAccount of the pod that we run in. */
  readonly kubeconfig: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface CredentialSource {
  current(): Credentials;
  /**
   * Starts reading files and tokens again if that was last done over a minute ago; what is in use
   * stays in use meanwhile.
   */
  refreshIfOld(): void;
  /** Reads everything again, the kubeconfig too: the server has refused what we have. */
  renew(): Promise<void>;
}

const REFRESH_MS = 60_000;

/** Loads the credentials; rejects with a sentence that names the file and the remedy. */
export async function openCredentials(options: CredentialOptions): Promise<CredentialSource> {
  const { clock, log } = options;
  let config = loadConfig(options.kubeconfig);
  let current = await evaluate(config, options.kubeconfig);
  let readAt: Instant = clock.now();
  let pending: Promise<void> | undefined;

  async function read(): Promise<void> {
    try {
      current = await evaluate(config, options.kubeconfig);
    } catch (error) {
      log.warn(
        { err: String(error) },
        'cannot read the API credentials again; keeping those in use',
      );
    } finally {
      readAt = clock.now();
      pending = undefined;
    }
  }

  return {
    current: () => current,
    refreshIfOld() {
      if (clock.now() >= add(readAt, REFRESH_MS)) pending ??= read();
    },
    async renew() {
      try {
        config = loadConfig(options.kubeconfig);
      } catch (error) {
        log.warn(
          { err: String(error) },
          'cannot load the API credentials again; keeping those in use',
        );
      }
      readAt = NEVER;
      pending ??= read();
      await pending;
    },
  };
}

function loadConfig(file: string | undefined): KubeConfig {
  const config = new KubeConfig();
  if (file === undefined) {
    if (!process.env['KUBERNETES_SERVICE_HOST']) {
      throw new Error('not running in a pod of a cluster: give --kubeconfig FILE');
    }
    config.loadFromCluster();
    return config;
  }
  try {
    config.loadFromFile(file);
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Error(
      `cannot read the kubeconfig ${file}: ${why}; give --kubeconfig a readable file`,
    );
  }
  return config;
}

async function evaluate(config: KubeConfig, file: string | undefined): Promise<Credentials> {
  const where = file === undefined ? "the pod's ServiceAccount" : `the kubeconfig ${file}`;
  const cluster = findCluster(config);
  if (cluster === null) {
    throw new Error(
      `${where} has no usable current context ("${config.getCurrentContext() ?? ''}"); ` +
        'choose one with `kubectl config use-context`',
    );
  }
  if (cluster.proxyUrl) {
    throw new Error(`${where} asks for the proxy ${cluster.proxyUrl}; proxies are not supported`);
  }
  const url = parseServer(cluster.server, where);
  const https: Parameters<KubeConfig['applyToHTTPSOptions']>[0] & TlsMaterial = {};
  try {
    await config.applyToHTTPSOptions(https);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot use the credentials of ${where}: ${why}`);
  }
  const { ca, cert, key, rejectUnauthorized, servername } = https;
  return {
    origin: url.origin,
    basePath: url.pathname.replace(/\/+$/, ''),
    tls: {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
      ...(servername !== undefined && { servername }),
    },
    headers: headersOf(https),
  };
}

function findCluster(config: KubeConfig): ReturnType<KubeConfig['getCurrentCluster']> {
  try {
    return config.getCurrentCluster();
  } catch {
    return null;
  }
}

function parseServer(server: string, where: string): URL {
  const url = URL.parse(server);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Error(
      `${where} names the server "${server}", which is not a URL; write https://host:port`,
    );
  }
  return url;
}

function headersOf(https: { headers?: unknown; auth?: unknown }): Record<string, string> {
  const headers: Record<string, string> = {};
  if (typeof https.headers === 'object' && https.headers !== null) {
    for (const [name, value] of Object.entries(https.headers)) headers[name] = String(value).trim();
  }
  if (typeof https.auth === 'string') {
    headers['Authorization'] = `Basic ${Buffer.from(https.auth).toString('base64')}`;
  }
  return headers;
}
