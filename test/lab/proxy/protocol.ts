/** What the fault proxy in front of the API server is told, line by line, on its standard input. */
export interface ProxyConfig {
  readonly address: string;
  readonly port: number;
  /** Port of the API server on 127.0.0.1. */
  readonly upstream: number;
  /** Paths of PEM files: who the proxy is, and how it knows the API server. */
  readonly certificate: string;
  readonly key: string;
}

/** The first line is the configuration; each further one replaces all faults. */
export interface ProxyFault {
  /** Addresses whose requests it concerns; everybody's if not given. */
  readonly of?: readonly string[];
  readonly kind: ProxyFaultKind;
}

/**
 * - `errors`: 30 % of the requests are answered with 429, 500 or 503; of these half are carried out
 *   all the same.
 * - `lost-answers`: requests are carried out and the connection is closed without an answer.
 * - `late-answers`: requests are carried out at once and answered 5 s later.
 * - `stalled-watches`: what the server says in a watch is held back until the fault ends.
 * - `garbled-watches`: events of watches come twice or after the next one, and every 20 of them one
 *   says 410 Gone and the watch ends.
 * - `expired-watches`: every new watch is told 410 Gone, and those that run end.
 * - `bookmarks-only`: watches carry nothing but bookmarks.
 */
export type ProxyFaultKind =
  | 'errors'
  | 'lost-answers'
  | 'late-answers'
  | 'stalled-watches'
  | 'garbled-watches'
  | 'expired-watches'
  | 'bookmarks-only';

/** What the proxy says on its standard output, a line each. */
export type ProxyLine =
  | { readonly kind: 'ready' }
  /** The faults are in force; `touched` counts what the ones before them did, by kind. */
  | { readonly kind: 'set'; readonly touched: Readonly<Record<string, number>> }
  | { readonly kind: 'failed'; readonly reason: string };
