import { add, NEVER } from '../instant.ts';
import { type ApiFailure, failure } from './answer.ts';
import type { Lane } from './api.ts';
import type { Cache, CacheEntry } from './cache.ts';
import { isRecord, revisionOf } from './json.ts';
import type { StoreHealth, StoreOptions } from './store.ts';
import { parseWatchEvent } from './watch-event.ts';

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * The watch of the Leases carries somebody's heartbeat every few seconds and decides about
 * authority:
 * it is missed sooner, and asked for oftener.
 */
const BACKOFF: Readonly<Record<Lane, Backoff>> = {
  lease: { firstMs: 100, maxMs: 1_000 },
  general: { firstMs: 200, maxMs: 30_000 },
};
const INACTIVITY_MS: Readonly<Record<Lane, number>> = { lease: 10_000, general: 90_000 };
const PAGE_SIZE = 500;
const LIST_TIMEOUT_MS = 30_000;
/** Watches that fail in a row before everything is listed anew. */
const WATCH_ATTEMPTS = 5;
/** A watch that ends without an event in less than this did not work. */
const SHORT_WATCH_MS = 1_000;

/**
 * Keeps a cache in step with the API server: list, then watch, and again after whatever goes wrong.
 */
export class Reflector<T> {
  readonly #options: StoreOptions<T>;
  readonly #cache: Cache<T>;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #health: Omit<StoreHealth, 'malformed'> = {
    state: 'listing',
    lastByteAt: NEVER,
    lists: 0,
    watches: 0,
    failures: 0,
  };
  #complaint = '';
  /** Failures in a row. */
  #failures = 0;

  constructor(options: StoreOptions<T>, cache: Cache<T>) {
    this.#options = options;
    this.#cache = cache;
    this.#done = this.#run();
  }

  health(): Omit<StoreHealth, 'malformed'> {
    return this.#health;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const failed = (await this.#list()) ?? (await this.#watch());
      if (signal.aborted) return;
      await this.#pause(failed);
    }
  }

  /** Reads the whole list, page by page; the pages take effect together, once all are there. */
  async #list(): Promise<ApiFailure | undefined> {
    const { api, resource, lane = 'general' } = this.#options;
    const entries: CacheEntry<T>[] = [];
    let token: string | undefined;
    do {
      const answer = await api.request({
        path: resource.path,
        query: { ...resource.query, limit: resource.pageSize ?? PAGE_SIZE, continue: token },
        timeoutMs: LIST_TIMEOUT_MS,
        signal: this.#abort.signal,
        lane,
      });
      if (!answer.ok) return answer;
      this.#heard();
      const { body } = answer;
      const meta = isRecord(body) && isRecord(body['metadata']) ? body['metadata'] : {};
      const items = isRecord(body) && Array.isArray(body['items']) ? body['items'] : [];
      for (const raw of items) entries.push(this.#cache.decode(raw));
      token =
        typeof meta['continue'] === 'string' && meta['continue'] ? meta['continue'] : undefined;
      if (token === undefined && !this.#cache.replace(entries, revisionOf(body))) {
        return failure(
          'server-error',
          'the API server went back in time; restart us if it was restored',
        );
      }
    } while (token !== undefined);
    this.#health = { ...this.#health, lists: this.#health.lists + 1 };
    this.#options.onChange();
    return undefined;
  }

  /**
   * Follows the changes, over as many watches as it takes, until a new list is needed: returns the
   * reason.
   */
  async #watch(): Promise<ApiFailure> {
    for (let attempt = 1; ; attempt += 1) {
      const failed = await this.#watchOnce();
      if (failed === undefined) {
        attempt = 0;
        continue;
      }
      const relist = ['gone', 'invalid', 'not-found', 'forbidden', 'aborted'].includes(failed.kind);
      if (relist || attempt >= WATCH_ATTEMPTS) return failed;
      await this.#pause(failed);
    }
  }

  /** One watch from the newest revision; undefined if it ended in good order. */
  async #watchOnce(): Promise<ApiFailure | undefined> {
    const { api, resource, lane = 'general', clock, inactivityMs } = this.#options;
    const startedAt = clock.now();
    const answer = await api.stream({
      path: resource.path,
      query: {
        ...resource.query,
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: String(this.#cache.snapshot().revision),
        timeoutSeconds: 240 + Math.floor(clock.random() * 240),
      },
      inactivityMs: inactivityMs ?? INACTIVITY_MS[lane],
      signal: this.#abort.signal,
      lane,
    });
    if (!answer.ok) return answer;
    this.#watching();
    let events = 0;
    for await (const item of answer.items) {
      if (item.kind === 'end') {
        if (item.failure !== undefined) return item.failure;
        if (events === 0 && clock.now() < add(startedAt, SHORT_WATCH_MS)) {
          return failure('server-error', 'the watch ended at once');
        }
        return undefined;
      }
      events += item.lines.length;
      const broken = this.#take(item.lines);
      if (broken !== undefined) return broken;
    }
    return undefined;
  }

  /** Applies the lines in their order; the failure asks for a new list. */
  #take(lines: readonly string[]): ApiFailure | undefined {
    this.#heard();
    this.#failures = 0;
    let changed = false;
    for (const line of lines) {
      const event = parseWatchEvent(line);
      switch (event.kind) {
        case 'put':
          this.#cache.put(event.object);
          changed = true;
          break;
        case 'remove':
          this.#cache.remove(event.object);
          changed = true;
          break;
        case 'bookmark':
          this.#cache.advance(event.revision);
          break;
        case 'broken':
          return failure('gone', `the watch broke: ${event.reason}`);
      }
    }
    if (changed) this.#options.onChange();
    return undefined;
  }

  #heard(): void {
    this.#health = { ...this.#health, lastByteAt: this.#options.clock.now() };
  }

  #watching(): void {
    this.#heard();
    const { log, resource, onChange } = this.#options;
    const { state, watches } = this.#health;
    this.#health = { ...this.#health, state: 'watching', watches: watches + 1 };
    if (this.#complaint !== '') log.info({ resource: resource.name }, 'in contact again');
    this.#complaint = '';
    if (state !== 'watching') onChange();
  }

  async #pause(failed: ApiFailure): Promise<void> {
    const { clock, lane = 'general', backoff = BACKOFF[lane] } = this.#options;
    this.#complain(failed);
    const ms = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    // Full pauses would make every agent of a cluster come back at the same moment.
    await clock.sleep(
      (failed.retryAfterMs ?? 0) + ms * (0.5 + clock.random() / 2),
      this.#abort.signal,
    );
  }

  #complain(failed: ApiFailure): void {
    if (failed.kind === 'aborted') return;
    const { log, resource, onChange, api } = this.#options;
    const [state, sentence] = complaint(failed, resource.name, api.server);
    this.#health = { ...this.#health, state, failures: this.#health.failures + 1 };
    // A watch that has to be begun anew is routine, as long as that works.
    const routine = state === 'unreachable' && this.#failures === 0 && this.#complaint === '';
    if (routine) {
      log.debug({ resource: resource.name, reason: failed.message }, sentence);
    } else if (this.#complaint !== sentence) {
      this.#complaint = sentence;
      log.warn({ resource: resource.name, reason: failed.message }, sentence);
    }
    onChange();
  }
}

/** What is wrong, and one sentence with the remedy. */
function complaint(
  { kind, reason }: ApiFailure,
  name: string,
  server: string,
): [StoreHealth['state'], string] {
  switch (kind) {
    case 'not-found':
      return ['missing', `the API server knows no ${name}: apply deploy/crds.yaml; trying again`];
    case 'forbidden':
      return [
        'forbidden',
        `not allowed to list and watch ${name}: apply deploy/rbac.yaml; trying again`,
      ];
    case 'unauthorized':
      return ['forbidden', `${server} refuses our credentials: renew them; trying again`];
    default:
      return ['unreachable', `cannot follow ${name} at ${server} (${reason}); trying again`];
  }
}
