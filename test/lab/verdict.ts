import type { CapturedFrame } from './capture.ts';
import { type Assertion, type Question, sightingsIn } from './sighting.ts';

export interface VerdictOptions {
  /** Addresses to judge, canonical. Without it: every address that was asked for or asserted. */
  readonly vips?: readonly string[] | undefined;
  /** Milliseconds since 1970 at which the capture was known to be whole. */
  readonly end: number;
}

/** What happened to one address. All times are milliseconds since 1970. */
export interface VipRecord {
  readonly vip: string;
  /** Broadcast questions with a sender address; unicast ones and probes are in `asked` only. */
  readonly questions: number;
  /** Of these, how many got an answer within a second. */
  readonly answered: number;
  readonly unanswered: number;
  /** Every question of any form, with all its answers. */
  readonly asked: readonly Asked[];
  /** Questions that two MACs, or one MAC behind two ports, answered. */
  readonly doubled: readonly Asked[];
  /** Answers that belong to no question of the last 30 s. */
  readonly strays: readonly Assertion[];
  /** The longest wait of all; undefined if nothing was asked. */
  readonly longest: Stretch | undefined;
  /** Waits of 50 ms and more. */
  readonly stretches: readonly Stretch[];
  /** Who answered or announced, in order; a new entry whenever MAC or port changes. */
  readonly owners: readonly Tenure[];
  readonly announcements: readonly Assertion[];
  /** Announcements of a MAC after another one had taken its place. */
  readonly returns: readonly Return[];
  /** Everything that moves a cache: answers, announcements, and requests sent from the address. */
  readonly assertions: readonly Assertion[];
}

export interface Asked {
  readonly question: Question;
  readonly answers: readonly Assertion[];
}

/**
 * A wait: from a broadcast question to the first answer, for whomever, that follows it. All questions that waited for
 * the same answer make up one stretch, which begins at the first of them. So at a pace of 10 ms an outage is
 * under-counted by less than 10 ms, `answeredBefore` being its other bound.
 */
export interface Stretch {
  readonly from: number;
  /** When the answer came; undefined if none did before the end of the capture. */
  readonly to: number | undefined;
  readonly ms: number;
  readonly questions: number;
  /** When the last answer before `from` came; undefined if there was none. */
  readonly answeredBefore: number | undefined;
}

export interface Tenure {
  readonly from: number;
  readonly to: number;
  readonly mac: string;
  readonly port: string;
  readonly host: string;
  readonly answers: number;
  readonly announcements: number;
}

export interface Return {
  readonly at: number;
  readonly mac: string;
  readonly host: string;
  /** The MAC that was announced in between. */
  readonly after: string;
}

/** A question is answered if it is within this; a later answer still counts for `doubled`. */
const ANSWER_MS = 1000;
/** How far back an answer is taken for the answer to a question: beyond the 20 s of a stopped process. */
const MATCH_MS = 30_000;
/** A question this close to the end is not yet unanswered. */
const SETTLE_MS = 50;
const STRETCH_MS = 50;

/** Judges a capture, address by address, IPv4 and IPv6 alike. */
export function verdict(
  frames: readonly CapturedFrame[],
  options: VerdictOptions,
): ReadonlyMap<string, VipRecord> {
  const questions = new Map<string, Question[]>();
  const assertions = new Map<string, Assertion[]>();
  for (const vip of options.vips ?? []) {
    questions.set(vip, []);
    assertions.set(vip, []);
  }
  const wanted = options.vips === undefined ? undefined : new Set(options.vips);
  for (const frame of [...frames].sort((a, b) => a.at - b.at)) {
    for (const sighting of sightingsIn(frame)) {
      if (wanted !== undefined && !wanted.has(sighting.vip)) continue;
      if (sighting.kind === 'question') append(questions, sighting.vip, sighting);
      else append(assertions, sighting.vip, sighting);
    }
  }
  const vips = new Set([...questions.keys(), ...assertions.keys()]);
  return new Map(
    [...vips].map((vip) => [
      vip,
      recordOf(vip, questions.get(vip) ?? [], assertions.get(vip) ?? [], options.end),
    ]),
  );
}

function recordOf(
  vip: string,
  questions: readonly Question[],
  assertions: readonly Assertion[],
  end: number,
): VipRecord {
  const answers = assertions.filter((assertion) => assertion.form === 'answer');
  const announcements = assertions.filter(({ form }) => form !== 'answer' && form !== 'sender');
  const { asked, strays } = matchAnswers(questions, answers);
  const decided = asked.filter(
    ({ question }) => question.form === 'broadcast' && question.at < end - SETTLE_MS,
  );
  const answered = decided.filter(isAnswered).length;
  const waits = stretchesOf(
    decided.map(({ question }) => question.at),
    answers.map(({ at }) => at),
    end,
  );
  return {
    vip,
    questions: decided.length,
    answered,
    unanswered: decided.length - answered,
    asked,
    doubled: asked.filter((one) => new Set(one.answers.map(answererOf)).size > 1),
    strays,
    longest: waits.reduce<Stretch | undefined>(longer, undefined),
    stretches: waits.filter(({ ms }) => ms >= STRETCH_MS),
    owners: tenuresOf(assertions.filter(({ form }) => form !== 'sender')),
    announcements,
    returns: returnsOf(announcements),
    assertions,
  };
}

/**
 * Neither ARP nor NDP numbers its questions. An answer is taken to be for the most recent question of the same asker
 * that the same answerer has not answered yet.
 */
export function matchAnswers(
  questions: readonly Question[],
  answers: readonly Assertion[],
): { asked: readonly Asked[]; strays: readonly Assertion[] } {
  const asked = questions.map((question) => ({ question, answers: [] as Assertion[] }));
  const byAsker = new Map<string, (typeof asked)[number][]>();
  const strays: Assertion[] = [];
  let next = 0;
  for (const answer of answers) {
    for (; next < asked.length; next++) {
      const one = asked[next];
      if (one === undefined || one.question.at > answer.at) break;
      append(byAsker, one.question.asker, one);
    }
    // The answer to a probe has nobody to go to: 0.0.0.0.
    const candidates = byAsker.get(answer.to) ?? [];
    const match = candidates.findLast((one) => isOpenFor(one, answer));
    if (match === undefined) strays.push(answer);
    else match.answers.push(answer);
  }
  return { asked, strays };
}

function isOpenFor({ question, answers }: Asked, answer: Assertion): boolean {
  if (question.at < answer.at - MATCH_MS) return false;
  return !answers.some((other) => answererOf(other) === answererOf(answer));
}

function isAnswered({ question, answers }: Asked): boolean {
  return answers.some(({ at }) => at - question.at <= ANSWER_MS);
}

function answererOf(assertion: Assertion): string {
  return `${assertion.mac} ${assertion.port}`;
}

/** Groups the times of questions by the answer that ended their wait; both lists are in order. */
export function stretchesOf(
  asked: readonly number[],
  answered: readonly number[],
  end: number,
): Stretch[] {
  const stretches: Stretch[] = [];
  let next = 0;
  let open: { from: number; ending: number; questions: number } | undefined;
  const close = () => {
    if (open === undefined) return;
    const to = answered[open.ending];
    const answeredBefore = answered[open.ending - 1];
    const { from, questions } = open;
    stretches.push({ from, to, ms: (to ?? end) - from, questions, answeredBefore });
  };
  for (const at of asked) {
    while (next < answered.length && (answered[next] ?? 0) < at) next++;
    if (open?.ending === next) open.questions++;
    else {
      close();
      open = { from: at, ending: next, questions: 1 };
    }
  }
  close();
  return stretches;
}

function tenuresOf(assertions: readonly Assertion[]): Tenure[] {
  const tenures: Tenure[] = [];
  for (const { at, mac, port, host, form } of assertions) {
    const answers = form === 'answer' ? 1 : 0;
    const last = tenures.at(-1);
    if (last !== undefined && last.mac === mac && last.port === port) {
      tenures[tenures.length - 1] = {
        ...last,
        to: at,
        answers: last.answers + answers,
        announcements: last.announcements + 1 - answers,
      };
    } else {
      tenures.push({ from: at, to: at, mac, port, host, answers, announcements: 1 - answers });
    }
  }
  return tenures;
}

function returnsOf(announcements: readonly Assertion[]): Return[] {
  const seen = new Set<string>();
  const returns: Return[] = [];
  let last: string | undefined;
  for (const { at, mac, host } of announcements) {
    if (last !== undefined && mac !== last && seen.has(mac)) {
      returns.push({ at, mac, host, after: last });
    }
    seen.add(mac);
    last = mac;
  }
  return returns;
}

function longer(best: Stretch | undefined, stretch: Stretch): Stretch {
  return best === undefined || stretch.ms > best.ms ? stretch : best;
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
