/** The nouns of Leasehold, as data. Behaviour lives with whoever decides about them. */
import type { Instant } from './instant.ts';

/** One load-balancer address in canonical text: dotted quad, or RFC 5952 for IPv6. */
export type Vip = string;
export type NodeName = string;
export type LinkName = string;
/** `name/prefix-length` in canonical text, host bits cleared: `192.0.2.0/24`. */
export type Subnet = string;
/** Six lower-case hexadecimal pairs with colons: `02:00:00:00:00:01`. */
export type MacText = string;

/** `<node>/<boot id>/<incarnation>`: one uninterrupted authority of one agent process; also what a fence names. */
export type IncarnationId = string;

/** A network interface of this host, as the kernel describes it at one moment. */
export interface Link {
  readonly name: LinkName;
  readonly index: number;
  readonly mac: MacText;
  /** Administratively up (IFF_UP). */
  readonly up: boolean;
  readonly carrier: boolean;
  /** Index of the bridge or bond it is enslaved to, or undefined. */
  readonly master: number | undefined;
  /** The subnets of its addresses, in the kernel's order. */
  readonly subnets: readonly Subnet[];
  /** Its addresses in the same order, canonical, without those of `fe80::/10`. */
  readonly addresses: readonly string[];
}

/** A link that may carry VIPs, as a node publishes it in its claims lease. */
export interface PublishedLink {
  readonly name: LinkName;
  readonly mac: MacText;
  /** VIPs inside one of these may be announced here; `0.0.0.0/0` and `::/0` stand for any. */
  readonly subnets: readonly Subnet[];
  /** Where its host itself can be asked for; none if an older agent publishes it. */
  readonly addresses: readonly string[];
}

export interface Service {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** RFC 3339, for order among Services only. */
  readonly created: string;
  /** Needed to write its status with a precondition. */
  readonly resourceVersion: string;
  readonly type: string;
  readonly deleting: boolean;
  readonly loadBalancerClass: string | undefined;
  readonly externalTrafficPolicy: 'Cluster' | 'Local';
  readonly ipFamilies: readonly ('IPv4' | 'IPv6')[];
  readonly clusterIps: readonly string[];
  /** `status.loadBalancer.ingress[].ip`, canonical. */
  readonly ingress: readonly Vip[];
  /** Annotation `leasehold.dev/allow-shared-ip` or one of its MetalLB synonyms. */
  readonly sharingKey: string | undefined;
}

export interface EndpointSlice {
  readonly namespace: string;
  readonly name: string;
  /** Name of the Service, from the label `kubernetes.io/service-name`. */
  readonly service: string;
  /** Nodes with at least one ready endpoint. */
  readonly readyNodes: readonly NodeName[];
}

export interface ClusterNode {
  readonly name: NodeName;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly addresses: readonly string[];
  /** `spec.unschedulable`: `kubectl cordon` and `kubectl drain` set it. */
  readonly unschedulable: boolean;
  /** Keys of its taints of effect NoSchedule or NoExecute. */
  readonly taints: readonly string[];
  /** Annotation `leasehold.dev/drain`: a person asked for its VIPs to move away. */
  readonly drainAsked: boolean;
}

export interface Pool {
  readonly name: string;
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Inclusive ranges in the order of the object: CIDRs are turned into ranges when read. */
  readonly ranges: readonly AddressRange[];
  readonly autoAssign: boolean;
}

/** An inclusive range of addresses of one family. */
export interface AddressRange {
  readonly first: Vip;
  readonly last: Vip;
}

/** Kubernetes' LabelSelector; an empty one selects everything. */
export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly LabelExpression[];
}

export interface LabelExpression {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

export interface L2Advertisement {
  readonly name: string;
  /** With both empty, every pool is meant. */
  readonly pools: readonly string[];
  readonly poolSelectors: readonly LabelSelector[];
  /** Empty: every node; else a node that any of them selects. */
  readonly nodeSelectors: readonly LabelSelector[];
  /** Empty: every link. */
  readonly interfaces: readonly LinkName[];
}

/** That a node took a VIP over, in which epoch: the revision of the barrier that activated it. */
export interface Takeover {
  readonly vip: Vip;
  readonly epoch: bigint;
}

/** A peer, and where its host can be asked for on the segments that both share. */
export interface Neighbour {
  readonly node: NodeName;
  readonly addresses: readonly string[];
}

/**
 * What a node says of itself on the segment with every beat of the witness (design 4.4). Its wires add
 * sequence numbers, echoes and the signature.
 */
export interface BeatContent {
  /** Number 0 stands for a node that has no incarnation now: it joins, or has lapsed. */
  readonly sender: IncarnationId;
  /** Milliseconds since the send time of its last acknowledged renewal; undefined: none yet. */
  readonly contactAgeMs: number | undefined;
  /** Asks for successors of all its VIPs, and goes on answering until they are ready. */
  readonly leaving: boolean;
  /** Incarnations that its claims lease says are dead. */
  readonly fences: readonly IncarnationId[];
  /** Votes: silent on every link that both share. */
  readonly suspects: readonly IncarnationId[];
  /** The VIPs that it took over in the last seconds. */
  readonly takeovers: readonly Takeover[];
}

/** What is said on the segment once, at once. */
export type Utterance =
  /**
   * The sender has stopped answering for these: whatever its claims lease said of them up to write number
   * `upTo` of its incarnation is void.
   */
  | { readonly kind: 'release'; readonly vips: readonly Vip[]; readonly upTo: number }
  /** The sender's claims on these have passed their barrier but for the leaving claim of `to`. */
  | {
      readonly kind: 'ready';
      readonly to: IncarnationId;
      readonly vips: readonly Vip[];
      readonly revision: bigint;
    }
  /** The sender's own incarnation is over: its agent has been silent. */
  | { readonly kind: 'fence' };

/** Somebody on a link says that a VIP is at this MAC. */
export interface ProbeAnswer {
  readonly vip: Vip;
  readonly mac: MacText;
}

/** The newest beat of a node on one link. */
export interface Hearing {
  readonly id: IncarnationId;
  readonly heardAt: Instant;
  /** Its last contact with the API server on our clock: `heardAt` less the age that it told. */
  readonly contactAt: Instant | undefined;
  readonly leaving: boolean;
  readonly fences: readonly IncarnationId[];
  readonly suspects: readonly IncarnationId[];
  /** The nodes that it hears on that link. */
  readonly hears: readonly NodeName[];
  readonly takeovers: readonly Takeover[];
}

/** What the wire of one link has heard. */
export interface LinkHearing {
  /** Everything that had come in by then is counted. */
  readonly asOf: Instant;
  /** When any frame of another host came in last ... */
  readonly foreignAt: Instant;
  /** ... and since when none was missing for as long as a silence takes. */
  readonly unbrokenSince: Instant;
  /** Kept when a node falls silent. */
  readonly peers: ReadonlyMap<NodeName, Hearing>;
}
