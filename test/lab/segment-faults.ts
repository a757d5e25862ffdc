import type { Lab } from './lab.ts';
import { ip } from './network.ts';
import { run } from './run.ts';
import type { Host } from './types.ts';

/** EtherType of the witness (IEEE local experimental). */
const WITNESS = 0x88b5;
const OTHER_HALF = 'data2';

/** Faults of the segment itself, made with nftables and by plugging ports into another bridge. */
export class SegmentFaults {
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** The switch loses every frame of the witness, and nothing else. */
  async dropWitness(): Promise<void> {
    await this.#bridge([`ether type ${WITNESS} drop`]);
  }

  /** Nothing is delivered to the host any more; what it says still reaches everybody. */
  async deafen(host: Host): Promise<void> {
    await this.#bridge([`oifname "${host.port}" drop`]);
  }

  /**
   * Nothing that the host says gets out; what is said to it still arrives. Dropped on its own link,
   * beyond its packet sockets: else the judge at the switch would hear what no client hears.
   */
  async mute(host: Host): Promise<void> {
    await nft(host.netns, [
      'table netdev lab-fault {',
      ` chain out { type filter hook egress device "${host.link}" priority 0; policy drop; }`,
      '}',
    ]);
  }

  async unmute(host: Host): Promise<void> {
    await nft(host.netns, ['table netdev lab-fault', 'delete table netdev lab-fault']);
  }

  /** Ends what `dropWitness` or `deafen` did. */
  async forward(): Promise<void> {
    await this.#bridge([]);
  }

  /** Cuts the switch in two: these hosts hear each other, and nobody else. */
  async split(hosts: readonly Host[]): Promise<void> {
    await ip(this.#lab.segment.netns, [
      `link add name ${OTHER_HALF} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set dev ${OTHER_HALF} up`,
      ...hosts.map(({ port }) => `link set dev ${port} master ${OTHER_HALF}`),
    ]);
  }

  /** Makes the switch whole again. */
  async join(hosts: readonly Host[]): Promise<void> {
    const { netns, bridge } = this.#lab.segment;
    await ip(netns, [
      ...hosts.map(({ port }) => `link set dev ${port} master ${bridge}`),
      `link del dev ${OTHER_HALF}`,
    ]);
  }

  /** All rules are one table, written anew in one transaction. */
  async #bridge(rules: readonly string[]): Promise<void> {
    await nft(this.#lab.segment.netns, [
      'table bridge lab-fault',
      'delete table bridge lab-fault',
      'table bridge lab-fault {',
      ' chain forward {',
      '  type filter hook forward priority 0;',
      ...rules.map((rule) => `  ${rule}`),
      ' }',
      '}',
    ]);
  }
}

async function nft(netns: string, lines: readonly string[]): Promise<void> {
  await run('nft', ['-f', '-'], { netns, input: `${lines.join('\n')}\n` });
}
