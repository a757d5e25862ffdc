import { incarnationId, type LeaseCut } from '../election/records.ts';
import type { NodeName, Vip } from '../model.ts';

/** What the Leases say while a node drains. */
export interface Holdings {
  /** Claimed by the node, under an incarnation that nobody has declared dead. */
  readonly held: ReadonlySet<Vip>;
  /** Who else claims what. */
  readonly elsewhere: ReadonlyMap<Vip, NodeName>;
  /** Somebody has spoilt the node's claims lease: it may hold anything. */
  readonly unreadable: boolean;
}

/** Addresses that are named in one sentence; the others are counted. */
const MAX_NAMED = 5;

/** Who claims what at this moment, with the claims of the dead left out. */
export function holdingsOf(cut: LeaseCut, node: NodeName): Holdings {
  const fenced = new Set([...cut.claims.values()].flatMap(({ record }) => [...record.fences]));
  const held = new Set<Vip>();
  const elsewhere = new Map<Vip, NodeName>();
  for (const { record } of cut.claims.values()) {
    if (fenced.has(incarnationId(record))) continue;
    for (const vip of record.vips.keys()) {
      if (record.node === node) held.add(vip);
      else elsewhere.set(vip, record.node);
    }
  }
  return { held, elsewhere, unreadable: cut.unreadable.has(`claims/${node}`) };
}

/** Nodes whose heartbeat was renewed between the two cuts: their agents run. */
export function livingBetween(first: LeaseCut, last: LeaseCut): ReadonlySet<NodeName> {
  const renewed = [...last.heartbeats].filter(
    ([node, { revision }]) => first.heartbeats.get(node)?.revision !== revision,
  );
  return new Set(renewed.map(([node]) => node));
}

/** `3 of 7 VIPs have moved`. */
export function progressLine(seen: ReadonlySet<Vip>, held: ReadonlySet<Vip>): string {
  const moved = seen.size - held.size;
  return seen.size === 1
    ? `${moved} of 1 VIP has moved`
    : `${moved} of ${seen.size} VIPs ${moved === 1 ? 'has' : 'have'} moved`;
}

/** One sentence: who owns what now that the node owns nothing. */
export function doneLine(node: NodeName, seen: ReadonlySet<Vip>, { elsewhere }: Holdings): string {
  if (seen.size === 0) return `${node} owns no VIP.`;
  const byOwner = Map.groupBy(seen, (vip) => elsewhere.get(vip) ?? '');
  const parts = [...byOwner]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([owner, vips]) => `${owner === '' ? 'no node' : owner} has ${named(vips)}`);
  return `${node} owns nothing now: ${parts.join(', ')}.`;
}

/** What stays, who could have taken it, and what to do about it. */
export interface Stuck {
  readonly node: NodeName;
  readonly seconds: number;
  readonly holdings: Holdings;
  /** Nodes with an agent that runs. */
  readonly living: ReadonlySet<NodeName>;
  /** Why nodes give their VIPs up; empty if it could not be read. */
  readonly draining: ReadonlyMap<NodeName, string>;
}

/** Why the node still owns VIPs, and the remedy. */
export function stuckLines(stuck: Stuck): readonly string[] {
  const { node, seconds, holdings, living } = stuck;
  if (holdings.unreadable) {
    return [
      `After ${seconds} s nobody can tell what ${node} owns: its claims lease cannot be read.`,
      `Its agent writes it anew; look at the agent's log if it does not.`,
    ];
  }
  const what = `After ${seconds} s ${node} still owns ${named([...holdings.held])}`;
  if (!living.has(node)) {
    return [
      `${what}, though its agent does not run: its heartbeat was not renewed in that time.`,
      `Another agent takes them over as soon as one may. ${remedy(stuck)}`,
    ];
  }
  return [
    `${what}: no other node has taken them. It goes on answering until one does.`,
    remedy(stuck),
  ];
}

function remedy({ node, living, draining }: Stuck): string {
  const others = [...living].filter((other) => other !== node).sort();
  if (others.length === 0) return 'No other node runs an agent: start one.';
  const able = others.filter((other) => !draining.has(other));
  if (able.length === 0) {
    const reasons = others.slice(0, MAX_NAMED).map((one) => `${one} (${draining.get(one)})`);
    const more = others.length - reasons.length;
    return (
      `All others with an agent drain too: ${listed(reasons, more)}; let one of them ` +
      'have VIPs again, with `kubectl uncordon` or `leasehold drain NODE --undo`.'
    );
  }
  return (
    `${listed(able.slice(0, MAX_NAMED), able.length - MAX_NAMED)} may not have them: a node needs ` +
    "an L2Advertisement that selects it, a link with carrier in the VIP's subnet and, with " +
    'externalTrafficPolicy: Local, a ready endpoint.'
  );
}

function named(vips: readonly Vip[]): string {
  return listed([...vips].sort().slice(0, MAX_NAMED), vips.length - MAX_NAMED);
}

function listed(words: readonly string[], more: number): string {
  const all = more > 0 ? [...words, `${more} more`] : words;
  const last = all.at(-1) ?? '';
  return all.length < 2 ? last : `${all.slice(0, -1).join(', ')} and ${last}`;
}
