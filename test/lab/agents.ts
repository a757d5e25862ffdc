import { join } from 'node:path';
import type { ControlPlane } from './control-plane.ts';
import type { Limits } from './limits.ts';
import { LabProcess, type Reach } from './process.ts';
import { childrenOf } from './process-tree.ts';
import type { Node } from './types.ts';
import { until } from './until.ts';

const program = join(import.meta.dirname, '../../bin/leasehold');

/** Namespace that the lab installs Leasehold in, as `deploy/` does. */
export const installNamespace = 'leasehold-system';

/** A line of a daemon's log, as pino wrote it. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A running `bin/leasehold agent` or `controller`. */
export class Daemon {
  /** Name of its node, or `controller`. */
  readonly name: string;
  readonly process: LabProcess;

  constructor(name: string, process: LabProcess) {
    this.name = name;
    this.process = process;
  }

  /** Process ids of the agent's wires, with their command lines. */
  wires(): { pid: number; command: readonly string[] }[] {
    return childrenOf(this.process.pid);
  }

  /** Sends a signal to the wire of one link alone; throws if there is none. */
  signalWire(link: string, signal: NodeJS.Signals): void {
    const wire = this.wires().find(({ command }) => command.includes(link));
    if (wire === undefined) throw new Error(`${this.name} has no wire for ${link}`);
    process.kill(wire.pid, signal);
  }

  /** Sends a signal to the whole daemon or to its first process alone. */
  signal(signal: NodeJS.Signals, reach: Reach): void {
    this.process.signal(signal, reach);
  }

  /** What it has logged so far; a line that is no JSON is given as `{msg: line}`. */
  logLines(): LogLine[] {
    return this.process
      .output()
      .split('\n')
      .filter((line) => line !== '')
      .map(parseLine);
  }

  /**
   * Waits for a log line that `matches`; rejects after `timeout` milliseconds with the log's end.
   */
  async logged(
    what: string,
    matches: (line: LogLine) => boolean,
    timeout = 30_000,
  ): Promise<LogLine> {
    try {
      return await until(what, () => this.logLines().find(matches), { timeout });
    } catch (error) {
      throw new Error(
        `${this.name}: ${what} was not logged; its last lines:\n${this.process.tail()}`,
        {
          cause: error,
        },
      );
    }
  }
}

/** How an agent is started, where it is not as usual. */
export interface AgentLaunch {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Path of a kubeconfig; that of the ServiceAccount `leasehold-agent` if not given. */
  readonly kubeconfig?: string;
  /** What it and its wires may have together. */
  readonly limits?: Limits | undefined;
  /** Path of another `bin/leasehold`. */
  readonly program?: string;
  /** The node that it takes itself for; the one it runs on if not given. */
  readonly nodeName?: string;
}

/** Starts the agent of a node, under the ServiceAccount `leasehold-agent` unless told otherwise. */
export async function startAgent(
  node: Node,
  controlPlane: ControlPlane,
  launch: AgentLaunch = {},
): Promise<Daemon> {
  const { flags = [], env = {}, nodeName = node.name } = launch;
  const config =
    launch.kubeconfig ??
    (await controlPlane.serviceAccountKubeconfig(installNamespace, 'leasehold-agent'));
  const args = ['agent', '--node-name', nodeName, ...common(config), ...flags];
  const log = join(controlPlane.folder, `${agentLogName(node, nodeName)}.log`);
  const started = { netns: node.netns, program: launch.program ?? program, args, log, env };
  const agent = new LabProcess(started);
  // At once: what it has taken before counts for nobody.
  launch.limits?.add(agent.pid);
  return new Daemon(node.name, agent);
}

/** An impostor's log is its own. */
function agentLogName(node: Node, nodeName: string): string {
  return nodeName === node.name ? `${node.name}-agent` : `${node.netns}-as-${nodeName}-agent`;
}

/** Starts the controller beside the API server under the ServiceAccount `leasehold-controller`. */
export async function startController(
  controlPlane: ControlPlane,
  extra: readonly string[],
): Promise<Daemon> {
  const account = 'leasehold-controller';
  const config = await controlPlane.serviceAccountKubeconfig(installNamespace, account);
  const log = join(controlPlane.folder, 'controller.log');
  const { netns } = controlPlane;
  const args = ['controller', ...common(config), ...extra];
  return new Daemon('controller', new LabProcess({ netns, program, args, log }));
}

function common(kubeconfig: string): string[] {
  return ['--kubeconfig', kubeconfig, '--namespace', installNamespace];
}

function parseLine(line: string): LogLine {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // A crash prints plain text.
  }
  return { msg: line };
}
