import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { PROFILE_NAMES, type Profile } from '../election/timing.ts';
import { LOG_LEVELS, type LogLevel } from '../sys/log.ts';

/** Port of `/metrics`, `/healthz` and `/readyz` unless told otherwise. */
export const METRICS_PORT = { agent: 7475, controller: 7476 };

export interface AgentArguments {
  readonly kind: 'agent';
  readonly nodeName: string;
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  readonly linkInclude: string | undefined;
  readonly linkExclude: string | undefined;
  readonly profile: Profile;
  readonly witnessKeyFile: readonly string[];
  readonly loadBalancerClass: string | undefined;
  readonly metricsAddress: string;
  readonly metricsPort: number;
  readonly logLevel: LogLevel;
}

export interface ControllerArguments {
  readonly kind: 'controller';
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  readonly loadBalancerClass: string | undefined;
  readonly metricsAddress: string;
  readonly metricsPort: number;
  readonly logLevel: LogLevel;
}

export interface HealthArguments {
  readonly kind: 'health';
  readonly probe: 'live' | 'ready';
  readonly address: string;
  readonly port: number;
}

export interface DrainArguments {
  readonly kind: 'drain';
  readonly node: string;
  /** Takes the request back. */
  readonly undo: boolean;
  readonly timeoutMs: number;
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
}

/** What the command line asks for. `done`: the answer (help, version, usage error) is printed already. */
export type Invocation =
  | AgentArguments
  | ControllerArguments
  | HealthArguments
  | DrainArguments
  | { readonly kind: 'done'; readonly exitCode: number };

const SELF = 'leasehold';

/** Parses the arguments after the program's name; prints help and usage errors itself. */
export function parseCommand(args: readonly string[], version: string): Invocation {
  let invocation: Invocation = { kind: 'done', exitCode: 1 };
  const program = new Command(SELF)
    .description('Load-balancer addresses for bare-metal Kubernetes, held on a lease')
    .version(version)
    .exitOverride()
    .showHelpAfterError(`(try '${SELF} --help')`);
  agentCommand(program, (parsed) => {
    invocation = parsed;
  });
  controllerCommand(program, (parsed) => {
    invocation = parsed;
  });
  healthCommand(program, (parsed) => {
    invocation = parsed;
  });
  drainCommand(program, (parsed) => {
    invocation = parsed;
  });
  try {
    program.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { kind: 'done', exitCode: error.exitCode === 0 ? 0 : 1 };
  }
  return invocation;
}

function agentCommand(program: Command, found: (parsed: AgentArguments) => void): void {
  withCommon(program.command('agent'), METRICS_PORT.agent)
    .description('run on every node: take part in the election and answer for the VIPs it owns')
    .requiredOption('--node-name <name>', 'name of the Node object of this host', nonEmpty)
    .option('--link-include <re>', 'links that carry VIPs, whatever their subnets', pattern)
    .option('--link-exclude <re>', 'links that never carry VIPs', pattern)
    .addOption(
      new Option('--profile <name>', 'timings of the election')
        .choices(PROFILE_NAMES)
        .default('standard'),
    )
    .option(
      '--witness-key-file <file>',
      'key of the witness; given twice, the first signs and both are accepted',
      (file: string, files: string[]) => [...files, file],
      [],
    )
    .action((options: Omit<AgentArguments, 'kind'>) => found({ ...options, kind: 'agent' }));
}

function controllerCommand(program: Command, found: (parsed: ControllerArguments) => void): void {
  withCommon(program.command('controller'), METRICS_PORT.controller)
    .description('run once in the cluster: give Services their addresses')
    .action((options: Omit<ControllerArguments, 'kind'>) =>
      found({ ...options, kind: 'controller' }),
    );
}

function healthCommand(program: Command, found: (parsed: HealthArguments) => void): void {
  program
    .command('health')
    .description('exit with 0 if the daemon on this host is well (for probes by command)')
    .addOption(new Option('--probe <name>', 'which').choices(['live', 'ready']).default('live'))
    .option('--address <address>', 'where it serves its metrics', '127.0.0.1')
    .option('--port <number>', 'and on which port', port, METRICS_PORT.agent)
    .exitOverride()
    .action((options: Omit<HealthArguments, 'kind'>) => found({ ...options, kind: 'health' }));
}

interface DrainOptions {
  readonly undo?: true;
  readonly timeout: number;
  readonly kubeconfig?: string;
  readonly namespace: string;
}

function drainCommand(program: Command, found: (parsed: DrainArguments) => void): void {
  withApi(program.command('drain'))
    .description('move the VIPs of a node to others, in order, and keep them away from it')
    .argument('<node>', 'name of the Node object', nonEmpty)
    .option('--undo', 'let the node take VIPs again')
    .option('--timeout <seconds>', 'how long to wait for the VIPs to move', seconds, 60)
    .action((node: string, { undo, timeout, kubeconfig, namespace }: DrainOptions) =>
      found({
        kind: 'drain',
        node,
        undo: undo ?? false,
        timeoutMs: timeout * 1000,
        kubeconfig,
        namespace,
      }),
    );
}

function withApi(command: Command): Command {
  return command
    .exitOverride()
    .showHelpAfterError(`(try '${SELF} ${command.name()} --help')`)
    .option('--kubeconfig <file>', 'how to reach the API server; without it, as a pod does')
    .option('--namespace <name>', 'where our own objects live', 'leasehold-system');
}

function withCommon(command: Command, metricsPort: number): Command {
  return withApi(command)
    .option('--load-balancer-class <class>', 'serve Services of this class; without it, of none')
    .option('--metrics-address <address>', 'where to serve metrics and health', '127.0.0.1')
    .option('--metrics-port <number>', 'and on which port', port, metricsPort)
    .addOption(
      new Option('--log-level <level>', 'least level that is logged')
        .choices(LOG_LEVELS)
        .default('info'),
    );
}

function nonEmpty(value: string): string {
  if (value === '') throw new InvalidArgumentError('It must not be empty.');
  return value;
}

function pattern(value: string): string {
  try {
    new RegExp(value);
    return value;
  } catch {
    throw new InvalidArgumentError('It is not a regular expression.');
  }
}

function seconds(value: string): number {
  const number = Number(value);
  if (value !== '' && number >= 1 && number <= 86_400) return number;
  throw new InvalidArgumentError('It is a number of seconds from 1 to 86400.');
}

function port(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new InvalidArgumentError('A port is a whole number from 1 to 65535.');
}
