import { gratuitous } from '../arp/gratuitous.ts';
import { SENDER_MAC_OFFSET, senderIpOf, targetIpOf } from '../arp/packet.ts';
import { respond } from '../arp/respond.ts';
import { add, FOREVER } from '../instant.ts';
import type { Vip } from '../model.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import { formatMac } from '../net/mac.ts';
import type { Clock } from '../sys/clock.ts';
import type { LinkFiles } from '../sys/link-files.ts';
import { openAlarm } from './alarm.ts';
import { announceAgain, idleAnnouncer, setVips, startOver, takeDue } from './announce.ts';
import type { Table } from './messages.ts';
import { awaitVips, nothingRemembered, recall, remember } from './remembered.ts';

/** What is due within the next tick is not left to it. */
const TICK_MS = 50;

/** What the answers of a wire need of the wire. */
export interface AnswersDeps {
  readonly clock: Clock;
  readonly files: Pick<LinkFiles, 'mac'>;
  readonly count: (key: string) => void;
  /** Sends a frame if the gate lets it pass, and counts it under the key. */
  readonly send: (frame: Uint8Array, key: string) => void;
  readonly isShut: () => boolean;
  /** Calls back once all frames that had come in when it was called have been handed to `answer`. */
  readonly afterInput: (callback: () => void) => void;
}

/** What a wire answers and announces by ARP. */
export interface Answers {
  /** Answers a frame, remembers it, or drops it. */
  answer(frame: Uint8Array): void;
  /** Reads the MAC afresh and sends the announcements that are due; to be called on every tick. */
  pump(): void;
  setTable(table: Table): void;
  /** Whoever was cut off until now may have heard of another owner: announces all with the next tick. */
  announceAfterGap(): void;
  /** The MAC of the link as it was read last; undefined once the link is gone. */
  mac(): Uint8Array | undefined;
  close(): void;
}

export function openAnswers(deps: AnswersDeps): Answers {
  const { clock, files, count, send, isShut } = deps;
  const announcer = idleAnnouncer(clock.now());
  const remembered = nothingRemembered();
  let mac = files.mac();
  let table: ReadonlyMap<number, string> = new Map();
  /** Just taken, and nobody knows since when: a request that waits to be read may be answered already. */
  let unsettled: ReadonlySet<number> = new Set();

  const answer = (frame: Uint8Array) => {
    if (mac === undefined) return;
    const reply = respond(frame, table, mac);
    if (typeof reply === 'string') {
      count(`dropped_${reply}`);
      if (reply === 'not_owned' && remembered.waiting.size > 0) keep(frame);
      return;
    }
    if (unsettled.has(targetIpOf(frame))) {
      count('dropped_unsettled');
      return;
    }
    send(reply, 'arp_answered');
    // After the answer, where it delays nobody: if its MAC had just changed, the new one is
    // announced at once.
    if (files.mac() !== mac) pump();
  };
  const keep = (frame: Uint8Array) => {
    const ip = targetIpOf(frame);
    if (!remembered.waiting.has(ip)) return;
    const requester = `${formatMac(frame, SENDER_MAC_OFFSET)} ${senderIpOf(frame)}`;
    remember(remembered, { ip, requester, frame }, clock.now());
  };
  const pump = () => {
    const before = mac;
    mac = files.mac();
    if (mac !== before) announceAgain(announcer, clock.now());
    if (mac === undefined || isShut()) return;
    for (const { ip, form } of takeDue(announcer, clock.random, clock.now())) {
      send(gratuitous(form, ip, mac), `garp_${form}`);
    }
    if (announcer.wakeAt <= add(clock.now(), TICK_MS)) alarm.setFor(announcer.wakeAt);
  };
  const alarm = openAlarm(clock, pump);
  const settle = (ips: ReadonlySet<number>) => {
    const all = unsettled.union(ips);
    unsettled = all;
    deps.afterInput(() => {
      if (unsettled === all) unsettled = new Set();
    });
  };
  const setTable = ({ vips, waiting }: Table) => {
    const before = table;
    table = new Map(vips.flatMap(({ vip, epoch }) => ipv4Of(vip).map((ip) => [ip, epoch])));
    setVips(announcer, table, clock.now());
    const since = new Map(
      vips.flatMap((entry) => ipv4Of(entry.vip).map((ip) => [ip, entry.since])),
    );
    const taken = [...since].filter(([ip, at]) => at === FOREVER && !before.has(ip));
    if (taken.length > 0) settle(new Set(taken.map(([ip]) => ip)));
    for (const request of recall(remembered, since, clock.now())) {
      count('requests_remembered');
      answer(request);
    }
    awaitVips(remembered, new Set(waiting.flatMap(ipv4Of)));
  };
  const announceAfterGap = () => startOver(announcer, clock.now());
  return { answer, pump, setTable, announceAfterGap, mac: () => mac, close: alarm.close };
}

/** The address as `net/ipv4` numbers it; none if it is of the other family. */
function ipv4Of(vip: Vip): readonly number[] {
  const ip = parseIpv4(vip);
  return ip === undefined ? [] : [ip];
}
