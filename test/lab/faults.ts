import { dataLink, dataPlug, ip, type Network, podRoutes } from './network.ts';
import { run } from './run.ts';
import type { Node } from './types.ts';
import { until } from './until.ts';

/** Which way between a node and the API packets are lost. */
export type Direction = 'both' | 'to-api' | 'from-api';

/**
 * What can be done to the links and the power of a lab. Faults of programs are signals: see
 * `Daemon`
 * and `ControlPlane`.
 */
export class Faults {
  readonly #network: Network;
  readonly #cuts = new Map<string, Direction>();

  constructor(network: Network) {
    this.#network = network;
  }

  /**
   * Power off: both links go dark at the switch, and then everything on the node is killed, so that
   * nothing of the dying programs gets out. The backends behind it are cut off with it.
   */
  async crash(node: Node): Promise<void> {
    await ip(this.#switch, [`link set ${node.port} down`, `link set ${node.managementPort} down`]);
    await until(`nothing runs on ${node.name} any more`, async () => {
      const pids = (await run('ip', ['netns', 'pids', node.netns])).split('\n').filter(Boolean);
      for (const pid of pids) kill(Number(pid));
      return pids.length === 0;
    });
  }

  /** Power on again: the links come back. Programs are started again by `Lab.restore`. */
  async plugIn(node: Node): Promise<void> {
    await ip(this.#switch, [`link set ${node.port} up`, `link set ${node.managementPort} up`]);
  }

  /** Sets the data link down on the node, as an administrator does. */
  async linkDown(node: Node): Promise<void> {
    await ip(node.netns, ['link set data0 down']);
  }

  /** Sets the data link up again, with the routes that the kernel forgot. */
  async linkUp(node: Node): Promise<void> {
    await ip(node.netns, [...dataLink(node), ...podRoutes(node, this.#network.nodes)]);
  }

  /** Pulls the data cable: the node sees its carrier go. */
  async carrierDown(node: Node): Promise<void> {
    await ip(this.#switch, [`link set ${node.port} down`]);
  }

  async carrierUp(node: Node): Promise<void> {
    await ip(this.#switch, [`link set ${node.port} up`]);
  }

  /** Takes the data link out of the node. The switch's port goes too. */
  async linkRemove(node: Node): Promise<void> {
    await ip(node.netns, ['link del data0']);
  }

  /** Puts a data link with the same name and hardware address into the node again. */
  async linkAdd(node: Node): Promise<void> {
    await ip(this.#switch, dataPlug(node));
    await this.linkUp(node);
  }

  /** Cuts a node off from the API, and from nothing else. */
  async cutApi(node: Node, direction: Direction): Promise<void> {
    this.#cuts.set(node.managementPort, direction);
    await this.#writeCuts();
  }

  /** Cuts every node off from the API. */
  async cutApiOfAll(direction: Direction): Promise<void> {
    for (const node of this.#network.nodes) this.#cuts.set(node.managementPort, direction);
    await this.#writeCuts();
  }

  /** Ends a node's cut. */
  async healApi(node: Node): Promise<void> {
    this.#cuts.delete(node.managementPort);
    await this.#writeCuts();
  }

  async healApiOfAll(): Promise<void> {
    this.#cuts.clear();
    await this.#writeCuts();
  }

  get #switch(): string {
    return this.#network.segment.netns;
  }

  /** All cuts are one table, written anew in one transaction. */
  async #writeCuts(): Promise<void> {
    const rules = [...this.#cuts].flatMap(([port, direction]) => [
      ...(direction === 'from-api' ? [] : [`iifname "${port}" drop;`]),
      ...(direction === 'to-api' ? [] : [`oifname "${port}" drop;`]),
    ]);
    const table = `
      table bridge cuts {}
      delete table bridge cuts
      table bridge cuts {
        chain forward { type filter hook forward priority 0; ${rules.join(' ')} }
      }`;
    await run('nft', ['-f', '-'], { netns: this.#switch, input: table });
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
