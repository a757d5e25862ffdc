import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiAddress, apiPort, serviceNetworks } from './addressing.ts';
import { type Api, apiOver } from './api.ts';
import { asset, type Program } from './assets.ts';
import { writeCertificate } from './certificate.ts';
import { kubeconfig } from './kubeconfig.ts';
import { LabProcess } from './process.ts';
import type { Registry } from './registry.ts';
import { run } from './run.ts';
import { until } from './until.ts';

/** The parts of the control plane that a test may stop and start again. */
export type Part = 'etcd' | 'kube-apiserver' | 'kube-controller-manager';

/** A user that the API server knows by a fixed token, for what the lab itself runs. */
type User = 'admin' | 'kube-controller-manager' | 'kube-proxy';

const users: readonly { readonly name: User; readonly identity: string }[] = [
  { name: 'admin', identity: 'admin,admin,system:masters' },
  {
    name: 'kube-controller-manager',
    identity: 'system:kube-controller-manager,kube-controller-manager',
  },
  { name: 'kube-proxy', identity: 'system:kube-proxy,kube-proxy' },
];

/** What of kube-controller-manager the lab needs: nothing that judges nodes or makes pods. */
const controllers = [
  'serviceaccount-controller',
  'root-ca-certificate-publisher-controller',
  'namespace-controller',
  'garbage-collector-controller',
  'clusterrole-aggregation-controller',
];

/**
 * A real control plane in a namespace of its own: etcd, kube-apiserver with RBAC and ServiceAccount
 * tokens, and a few controllers. etcd's data lies in memory and is not synced to disk: it survives
 * the end of the process, which is all a test does to it.
 */
export class ControlPlane {
  readonly netns: string;
  /** Keys, kubeconfigs, logs and data; removed with the lab. */
  readonly folder: string;
  readonly server = `https://${apiAddress}:${apiPort}`;
  readonly api: Api;
  readonly #accounts = new Map<string, Promise<string>>();
  readonly #processes = new Map<Part | 'proxy', LabProcess>();

  constructor(registry: Registry, netns: string) {
    this.netns = netns;
    this.folder = join(roomInMemory() ? '/dev/shm' : tmpdir(), registry.id);
    registry.folder(this.folder);
    mkdirSync(this.folder, { mode: 0o700 });
    this.api = apiOver(this.#path('api.sock'));
  }

  /** Starts everything and resolves when the API server says that it is ready. */
  async start(): Promise<void> {
    await this.#writeIdentities();
    this.#spawn('etcd', this.#etcdArguments());
    this.#spawn('kube-apiserver', this.#apiserverArguments());
    this.#startProxy();
    await this.ready();
    this.startPart('kube-controller-manager');
  }

  /**
   * Resolves when /readyz and a read from etcd succeed; rejects with the logs' ends after
   * `timeout` milliseconds.
   */
  async ready(timeout = 60_000): Promise<void> {
    const parts = ['etcd', 'kube-apiserver'] as const;
    const ask = async () => {
      if (parts.every((part) => this.#process(part).exit === undefined)) {
        await this.api.request('GET', '/readyz');
        // /readyz remembers a good etcd for a while; this read goes there.
        await this.api.request('GET', '/api/v1/namespaces/kube-system');
      }
      return true;
    };
    await until('the API server is ready', ask, { timeout, every: 50 });
    for (const part of parts) this.#mustRun(part);
  }

  /** Ends one part: `SIGTERM` in order, `SIGKILL` at once. Its data stays. */
  async stopPart(part: Part, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#process(part).stop(signal, 70_000);
  }

  /** Freezes (`SIGSTOP`) or wakes (`SIGCONT`) one part. */
  signalPart(part: Part, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process(part).signal(signal, 'tree');
  }

  /** Starts a part that was stopped; for the API server wait with `ready()`. */
  startPart(part: Part): void {
    const old = this.#processes.get(part);
    if (old !== undefined && old.exit === undefined) throw new Error(`${part} is running already`);
    this.#spawn(
      part,
      {
        etcd: this.#etcdArguments(),
        'kube-apiserver': this.#apiserverArguments(),
        'kube-controller-manager': this.#controllerManagerArguments(),
      }[part],
    );
  }

  /** What a part has printed so far. */
  log(part: Part): string {
    return this.#process(part).output();
  }

  /** Runs kubectl as the lab's admin beside the API server; returns what it prints. */
  async kubectl(args: readonly string[], input = ''): Promise<string> {
    const env = { KUBECONFIG: this.kubeconfig('admin'), KUBECACHEDIR: this.#path('kubectl-cache') };
    return run(asset('kubectl'), args, { netns: this.netns, input, env });
  }

  /** Path of the kubeconfig of one of the lab's own users. */
  kubeconfig(user: User): string {
    return this.#path(`${user}.kubeconfig`);
  }

  /** Path of a kubeconfig with a token of a ServiceAccount; made once, then the same file. */
  serviceAccountKubeconfig(namespace: string, name: string): Promise<string> {
    const path = this.#path(`${namespace}.${name}.kubeconfig`);
    const made = this.#accounts.get(path) ?? this.#requestToken(namespace, name, path);
    this.#accounts.set(path, made);
    return made;
  }

  /**
   * Writes a kubeconfig with a new token of a ServiceAccount for an API server at `port`. With the
   * name of a Secret the token ends when that is deleted.
   */
  async writeAccountKubeconfig(
    path: string,
    account: { readonly namespace: string; readonly name: string; readonly secret?: string },
    port = apiPort,
  ): Promise<void> {
    const { namespace, name, secret } = account;
    const bound = { apiVersion: 'v1', kind: 'Secret', name: secret };
    const answer = await this.api.request(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      { spec: { expirationSeconds: 86_400, ...(secret && { boundObjectRef: bound }) } },
    );
    const server = `https://${apiAddress}:${port}`;
    const text = kubeconfig(server, this.#read('ca.crt'), tokenIn(answer));
    writeFileSync(path, text, { mode: 0o600 });
  }

  async #requestToken(namespace: string, name: string, path: string): Promise<string> {
    await this.writeAccountKubeconfig(path, { namespace, name });
    return path;
  }

  async #writeIdentities(): Promise<void> {
    const tokens = users.map((user) => ({ ...user, token: randomBytes(16).toString('hex') }));
    writeFileSync(
      this.#path('tokens.csv'),
      tokens.map(({ token, identity }) => `${token},${identity}\n`).join(''),
      { mode: 0o600 },
    );
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'sec1', format: 'pem' });
    writeFileSync(this.#path('tokens.key'), pem, { mode: 0o600 });
    await writeCertificate(this.folder, [
      `IP:${apiAddress}`,
      'IP:127.0.0.1',
      'IP:10.96.0.1',
      'DNS:kubernetes.default.svc',
    ]);
    for (const { name, token } of tokens) {
      const text = kubeconfig(this.server, this.#read('ca.crt'), token);
      writeFileSync(this.kubeconfig(name), text, { mode: 0o600 });
    }
  }

  #etcdArguments(): string[] {
    return [
      `--data-dir=${this.#path('etcd')}`,
      '--unsafe-no-fsync',
      '--listen-client-urls=http://127.0.0.1:2379',
      '--advertise-client-urls=http://127.0.0.1:2379',
      '--listen-peer-urls=http://127.0.0.1:2380',
      '--log-level=warn',
    ];
  }

  #apiserverArguments(): string[] {
    return [
      '--etcd-servers=http://127.0.0.1:2379',
      `--advertise-address=${apiAddress}`,
      '--bind-address=0.0.0.0',
      `--secure-port=${apiPort}`,
      `--tls-cert-file=${this.#path('ca.crt')}`,
      `--tls-private-key-file=${this.#path('server.key')}`,
      `--cert-dir=${this.folder}`,
      `--token-auth-file=${this.#path('tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${this.#path('tokens.key')}`,
      `--service-account-signing-key-file=${this.#path('tokens.key')}`,
      `--service-cluster-ip-range=${serviceNetworks.join()}`,
      // Else SIGTERM waits for open watches until the request timeout, a minute.
      '--shutdown-watch-termination-grace-period=1s',
      '--profiling=false',
    ];
  }

  #controllerManagerArguments(): string[] {
    return [
      `--kubeconfig=${this.kubeconfig('kube-controller-manager')}`,
      `--controllers=${controllers.join()}`,
      `--root-ca-file=${this.#path('ca.crt')}`,
      '--leader-elect=false',
      '--bind-address=127.0.0.1',
      `--cert-dir=${this.folder}`,
      '--profiling=false',
    ];
  }

  #startProxy(): void {
    const log = this.#path('proxy.log');
    const args = [
      'proxy',
      `--kubeconfig=${this.kubeconfig('admin')}`,
      `--unix-socket=${this.#path('api.sock')}`,
    ];
    const program = asset('kubectl');
    this.#processes.set('proxy', new LabProcess({ netns: this.netns, program, args, log }));
  }

  #spawn(part: Part & Program, args: readonly string[]): void {
    const log = this.#path(`${part}.log`);
    const process = new LabProcess({ netns: this.netns, program: asset(part), args, log });
    this.#processes.set(part, process);
  }

  #process(part: Part): LabProcess {
    const process = this.#processes.get(part);
    if (process === undefined) throw new Error(`${part} was never started`);
    return process;
  }

  #mustRun(part: Part): void {
    const process = this.#process(part);
    if (process.exit === undefined) return;
    const { code, signal } = process.exit;
    throw new Error(`${part} ended (${signal ?? `exit code ${code}`}):\n${process.tail()}`);
  }

  #path(name: string): string {
    return join(this.folder, name);
  }

  #read(name: string): string {
    return readFileSync(this.#path(name), 'utf8');
  }
}

/**
 * Whether /dev/shm can take etcd's data: containers are often given 64 MB, less than one log
 * file.
 */
function roomInMemory(): boolean {
  if (!existsSync('/dev/shm')) return false;
  const { bavail, bsize } = statfsSync('/dev/shm');
  return bavail * bsize > 512 * 2 ** 20;
}

function tokenIn(answer: unknown): string {
  if (typeof answer === 'object' && answer !== null && 'status' in answer) {
    const { status } = answer;
    if (typeof status === 'object' && status !== null && 'token' in status)
      return String(status.token);
  }
  throw new Error(`the API server's answer holds no token: ${JSON.stringify(answer)}`);
}
