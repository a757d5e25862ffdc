import type { LinkName, NodeName, PublishedLink, Subnet, Vip } from '../model.ts';
import { subnetContains } from '../net/ip.ts';

/** Answers remembered. */
const INSIDE_LIMIT = 20_000;
const inside = new Map<string, boolean>();

/** One VIP that Services want announced, with everything that decides who may. */
export interface VipDemand {
  readonly vip: Vip;
  /** What is hashed: the sharing group, else the address itself. */
  readonly key: string;
  /** The advertisements that select its pool. A node may announce it if any of them allows. */
  readonly adverts: readonly Advert[];
  /** Nodes with a ready endpoint, if `externalTrafficPolicy: Local` asks for one. */
  readonly endpointNodes: ReadonlySet<NodeName> | undefined;
}

export interface Advert {
  readonly nodes: ReadonlySet<NodeName>;
  /** Undefined: any link. */
  readonly links: ReadonlySet<LinkName> | undefined;
}

/** All that the cluster asks for at one moment. */
export interface Demand {
  readonly vips: ReadonlyMap<Vip, VipDemand>;
  /** Names of the existing nodes. */
  readonly nodes: ReadonlySet<NodeName>;
  /** Nodes with the label `node.kubernetes.io/exclude-from-external-load-balancers`. */
  readonly excluded: ReadonlySet<NodeName>;
  /**
   * Nodes that are being emptied, with the reason: they take no VIP while another node may, and give theirs
   * up in order. If every eligible node is among them, all stays as it is.
   */
  readonly draining: ReadonlyMap<NodeName, string>;
}

/** A node as the election sees it. */
export interface Candidate {
  readonly node: NodeName;
  readonly links: readonly PublishedLink[];
  readonly draining: boolean;
}

/** Why a node may not own a VIP. */
export type Ineligible =
  | 'node is gone'
  | 'excluded by label'
  | 'draining'
  | 'not selected by an L2Advertisement'
  | 'no ready endpoint'
  | 'no link in the subnet of the VIP';

/** Undefined if the live agent of `candidate` may own the VIP now, else the first reason why not. */
export function ineligible(
  vip: VipDemand,
  candidate: Candidate,
  demand: Demand,
): Ineligible | undefined {
  if (!demand.nodes.has(candidate.node)) return 'node is gone';
  if (demand.excluded.has(candidate.node)) return 'excluded by label';
  if (candidate.draining) return 'draining';
  const adverts = vip.adverts.filter((advert) => advert.nodes.has(candidate.node));
  if (adverts.length === 0) return 'not selected by an L2Advertisement';
  if (vip.endpointNodes?.has(candidate.node) === false) return 'no ready endpoint';
  if (carriers(vip.vip, adverts, candidate.links).length === 0) {
    return 'no link in the subnet of the VIP';
  }
  return undefined;
}

/** The links of a node on which it announces the VIP. */
export function carriers(
  vip: Vip,
  adverts: readonly Advert[],
  links: readonly PublishedLink[],
): readonly PublishedLink[] {
  return links.filter(
    (link) =>
      adverts.some((advert) => advert.links === undefined || advert.links.has(link.name)) &&
      link.subnets.some((subnet) => isInside(vip, subnet)),
  );
}

/** Every decision asks for all VIPs that the node owns: to read both texts takes most of its time. */
function isInside(vip: Vip, subnet: Subnet): boolean {
  const key = `${vip} ${subnet}`;
  const known = inside.get(key);
  if (known !== undefined) return known;
  const answer = subnetContains(subnet, vip);
  if (inside.size >= INSIDE_LIMIT) inside.clear();
  inside.set(key, answer);
  return answer;
}
