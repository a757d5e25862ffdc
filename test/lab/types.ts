/** What the lab offers to probes, judge, tests, demo and benchmarks, as data. */

/** A machine of the lab: a node or a client, in a network namespace of its own. */
export interface Host {
  /** `n1`, `n2`, ... for nodes (also their Kubernetes names), `c1`, ... for clients. */
  readonly name: string;
  /** Name of its network namespace, for `ip netns exec`. */
  readonly netns: string;
  /** Its link on the data segment. */
  readonly link: 'data0';
  /** Hardware address of that link, lower case with colons. */
  readonly mac: string;
  /** Its address on the segment (192.0.2.0/24). */
  readonly ipv4: string;
  /** Its address on the segment (2001:db8:1::/64), in RFC 5952 form. */
  readonly ipv6: string;
  /**
   * Its second address on the segment (198.18.0.0/16), for tests that need more VIPs than a /24
   * has.
   */
  readonly wideIpv4: string;
  /** Name, in the switch's namespace, of the port that its data link is plugged into. */
  readonly port: string;
}

export interface Node extends Host {
  readonly kind: 'node';
  /** Its address on the management link (only the API is reached over it). */
  readonly managementIpv4: string;
  /** Name, in the switch's namespace, of the port that its management link is plugged into. */
  readonly managementPort: string;
  /** Addresses of the backends behind this node are in these, IPv4 and IPv6. */
  readonly podCidrs: readonly [string, string];
}

export interface Client extends Host {
  readonly kind: 'client';
}

/** A server behind a node, in a namespace of its own: UDP echo and HTTP on port 8080. */
export interface Backend {
  /** `b1`, ...: the text of its HTTP answer is `b1 n1\n`, and the prefix of its UDP answer too. */
  readonly name: string;
  readonly netns: string;
  /** Name of the node that it runs on. */
  readonly node: string;
  readonly ipv4: string;
  readonly ipv6: string;
  /** The same port for UDP and TCP. */
  readonly port: number;
}

/** The Ethernet segment that nodes and clients share, with one bridge port per host. */
export interface Segment {
  /** The namespace of the switch: capture here, not in the hosts. */
  readonly netns: string;
  readonly bridge: 'data';
  /** Port name in that namespace -> name of the host plugged into it (`n1`, `c1`). */
  readonly ports: ReadonlyMap<string, string>;
}
