/** What the probe of a client is told on its standard input, and what it says on its standard output, line by line. */

export type ProbeKind = 'udp' | 'http' | 'arp' | 'ndp';

export interface ProbeConfig {
  readonly kind: ProbeKind;
  /** The client's link: for `arp` and `ndp`. */
  readonly link: string;
  /** Addresses, asked in turn; each `intervalMs` one of them. */
  readonly targets: readonly string[];
  /** For `udp` and `http`. */
  readonly port: number;
  readonly intervalMs: number;
  /** `udp`: from how many ports in turn; each is a flow of its own to kube-proxy. */
  readonly sourcePorts: number;
  /** `http`: the whole request must be done by then. */
  readonly timeoutMs: number;
  /** How long answers are waited for after the last question. */
  readonly graceMs: number;
  /**
   * `arp`: whose request it is; undefined: the client's own. With the client's own, each answer also refreshes the
   * client's cache; with a made-up MAC and address the client's kernel takes no notice.
   */
  readonly sender: ProbeSender | undefined;
  /** Whether every answer is told at once as well. */
  readonly live: 'live' | 'quiet';
}

export interface ProbeSender {
  readonly mac: string;
  readonly ipv4: string;
}

export type ProberLine =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly answer: ProbeAnswer }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'summary'; readonly summary: ProbeSummary };

/** Times are milliseconds since 1970. */
export interface ProbeAnswer {
  readonly target: string;
  readonly at: number;
  /** MAC, or what the backend calls itself. */
  readonly by: string;
  /** Undefined if no open question fits: a second answer, or one that comes after 5 s. */
  readonly roundTripMs: number | undefined;
}

export interface TargetSummary {
  readonly sent: number;
  readonly answered: number;
  /** Sent and not answered by the end of the grace time. */
  readonly lost: number;
  /** Answers beyond one to each question. */
  readonly extra: number;
  /** Number of answers by MAC or backend, extra ones included. */
  readonly answersBy: Readonly<Record<string, number>>;
  /** Longest time without an answer, from the first question to the last; at rest about one interval. */
  readonly longestGapMs: number;
  readonly longestGap: { readonly from: number; readonly to: number } | undefined;
  /** Who answered when, in order; a new entry whenever that changes. */
  readonly turns: readonly Turn[];
}

export interface Turn {
  readonly by: string;
  readonly from: number;
  readonly to: number;
  readonly answers: number;
}

export interface ProbeSummary extends Omit<TargetSummary, 'turns'> {
  readonly kind: ProbeKind;
  readonly targets: Readonly<Record<string, TargetSummary>>;
  /** Round trip of every answered question, in the order of the answers. */
  readonly roundTripsMs: readonly number[];
  /** Gaps in the probe's own sending: while one lasts, a missing answer is not the VIP's fault. */
  readonly ownStalls: readonly OwnStall[];
  /** Questions that were due during a stall and never sent. */
  readonly skipped: number;
  /** Questions that the kernel refused to send; they count as sent and lost. */
  readonly sendErrors: Readonly<Record<string, number>>;
}

export interface OwnStall {
  readonly at: number;
  readonly ms: number;
}
