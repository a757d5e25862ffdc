import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
let created = 0;

/** A bridge in a namespace of its own and hosts around it, for tests of judge and probes alone. */
export interface SmallSegment {
  readonly netns: string;
  readonly ports: ReadonlyMap<string, string>;
  host(name: string): SmallHost;
  ip(...args: string[]): Promise<void>;
  close(): Promise<void>;
}

export interface SmallHost {
  readonly netns: string;
  readonly link: 'data0';
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly port: string;
  ip(...args: string[]): Promise<void>;
  /** Runs a command in the host, whatever its exit code, and returns its standard output. */
  run(...command: string[]): Promise<string>;
}

/** Why namespaces cannot be made here, for `t.skip`; undefined if they can. */
export function whyNoNamespaces(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'needs root, for network namespaces';
}

/** The hosts get 192.0.2.11, .12 ... and 2001:db8:1::11, ::12 ... in the order of their names. */
export async function smallSegment(names: readonly string[]): Promise<SmallSegment> {
  const prefix = `lhj${process.pid}-${created++}`;
  const netns = `${prefix}-sw`;
  const ip = async (...args: string[]) => void (await run('ip', args));
  const hosts = new Map<string, SmallHost>();
  const close = async () => {
    for (const name of [netns, ...[...hosts.values()].map((host) => host.netns)]) {
      await ip('netns', 'del', name).catch(() => {});
    }
  };
  try {
    await ip('netns', 'add', netns);
    await ip('-n', netns, 'link', 'add', 'data', 'type', 'bridge', 'mcast_snooping', '0');
    await ip('-n', netns, 'link', 'set', 'data', 'up');
    for (const [index, name] of names.entries()) {
      const host = describe(prefix, name, index);
      hosts.set(name, host);
      await ip('netns', 'add', host.netns);
      await host.ip('link', 'set', 'lo', 'up');
      await plug(netns, host);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    netns,
    ports: new Map([...hosts].map(([name, { port }]) => [port, name])),
    host: (name) => {
      const host = hosts.get(name);
      if (host === undefined) throw new Error(`no host ${name}; there are ${names.join(', ')}`);
      return host;
    },
    ip: (...args) => ip('-n', netns, ...args),
    close,
  };
}

/** Makes a host's link and its port, with addresses; anew after `ip link del`. */
export async function plug(netns: string, host: SmallHost): Promise<void> {
  const { mac, port, link } = host;
  const veth = ['type', 'veth', 'peer', 'name', port, 'netns', netns];
  await host.ip('link', 'add', link, 'address', mac, ...veth);
  await run('ip', ['-n', netns, 'link', 'set', port, 'master', 'data', 'up']);
  await host.ip('link', 'set', link, 'up');
  await host.ip('addr', 'add', `${host.ipv4}/24`, 'dev', link);
  await host.ip('addr', 'add', `${host.ipv6}/64`, 'dev', link, 'nodad');
}

function describe(prefix: string, name: string, index: number): SmallHost {
  const netns = `${prefix}-${name}`;
  return {
    netns,
    link: 'data0',
    mac: `02:00:00:00:00:${String(index + 1).padStart(2, '0')}`,
    ipv4: `192.0.2.${index + 11}`,
    ipv6: `2001:db8:1::${index + 11}`,
    port: `p-${name}`,
    ip: async (...args) => void (await run('ip', ['-n', netns, ...args])),
    run: (...command) =>
      run('ip', ['netns', 'exec', netns, ...command]).then(
        ({ stdout }) => stdout,
        (error: { stdout?: string }) => error.stdout ?? '',
      ),
  };
}
