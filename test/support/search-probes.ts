import { probed } from '../../src/election/probing.ts';
import type { Instant } from '../../src/instant.ts';
import type { NodeName, Vip } from '../../src/model.ts';
import type { SearchNode } from './search-node.ts';
import { letsPass } from './search-wire.ts';
import { SIM_LINK, simMac } from './sim-node.ts';

/** At the beginning of so many units it is asked: three probes take longer than one unit. */
const ROUNDS = 2;

/** What the wire of a node asks on the segment (RFC 5227), and who has answered so far. */
export interface SearchProbe {
  readonly token: number;
  readonly vips: readonly Vip[];
  readonly rounds: number;
  readonly answers: ReadonlySet<NodeName>;
}

/** The nodes after every wire that asks has asked once more, and agents that run have read what came of it. */
export function askedAgain(nodes: readonly SearchNode[], now: Instant): SearchNode[] {
  return nodes.map((node) => {
    const { probe } = node;
    if (probe === undefined || !hasWire(node)) return node;
    const others = nodes.filter((other) => other !== node && answersFor(other, probe.vips, now));
    const answers = probe.answers.union(new Set(others.map(({ name }) => name)));
    const rounds = Math.min(ROUNDS, probe.rounds + 1);
    if (rounds < ROUNDS || node.life !== 'running') {
      return { ...node, probe: { ...probe, rounds, answers } };
    }
    return { ...node, probe: undefined, state: concluded(node, { ...probe, answers }, now) };
  });
}

function concluded({ state }: SearchNode, { token, vips, answers }: SearchProbe, now: Instant) {
  const found = vips.flatMap((vip) => [...answers].map((name) => ({ vip, mac: simMac(name) })));
  return probed(state, { token, link: SIM_LINK, answers: found }, now);
}

function hasWire({ life }: SearchNode): boolean {
  return life === 'running' || life === 'agent stopped';
}

function answersFor(node: SearchNode, vips: readonly Vip[], now: Instant): boolean {
  if (!hasWire(node)) return false;
  return [node.wire, node.ghost].some((wire) => wire !== undefined && letsPass(wire, vips, now));
}
