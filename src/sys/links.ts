import { createRtNetlink } from 'netlink';
import type { Link } from '../model.ts';
import type { Clock } from './clock.ts';
import { dumpLinks, type RtNetlink } from './link-dump.ts';
import { scanLinks } from './link-scan.ts';
import type { Log } from './log.ts';

/**
 * Several messages come with every change: they are waited for, and then one dump shows them all.
 */
const SETTLE_MS = 20;
/** Messages can be lost: nothing stays unseen for longer. */
const POLL_MS = 2000;

/** The links of this host, kept up to date. */
export interface LinkWatch {
  /** The links as last seen, by index. */
  links(): readonly Link[];
  /** Calls back, without saying what, after every change. */
  onChange(callback: () => void): { close(): void };
  close(): void;
}

/**
 * Starts watching; resolves once the links are known. Without netlink it reads sysfs every 2 s, and
 * says so.
 */
export async function watchLinks({ clock, log }: { clock: Clock; log: Log }): Promise<LinkWatch> {
  const callbacks = new Set<() => void>();
  // Two sockets: a change that is told in the middle of a dump would tear the dump apart.
  const events = openNetlink(log);
  for (const group of ['LINK', 'IPV4_IFADDR', 'IPV6_IFADDR'] as const) {
    events?.addMembership(group);
  }
  let dumper = openNetlink(log);
  let links: readonly Link[] = [];
  let reading = false;
  let again = false;

  const readAll = async () => {
    dumper ??= openNetlink(log);
    if (dumper === undefined) return scanLinks();
    try {
      return await dumpLinks(dumper);
    } catch (error) {
      log.warn({ error }, 'a dump of the links by netlink has failed; they were read from sysfs');
      dumper.socket.close();
      dumper = undefined;
      return scanLinks();
    }
  };
  const refresh = async () => {
    again = true;
    if (reading) return;
    reading = true;
    while (again) {
      again = false;
      const seen = await readAll();
      if (JSON.stringify(seen) === JSON.stringify(links)) continue;
      links = seen;
      for (const callback of callbacks) callback();
    }
    reading = false;
  };
  // The messages do not say whether something came or went: each means only that something is
  // different.
  const settle = settler(clock, refresh);
  events?.on('message', settle);
  events?.on('invalid', settle);
  await refresh();
  const poll = clock.every(POLL_MS, refresh);
  return {
    links: () => links,
    onChange(callback) {
      callbacks.add(callback);
      return { close: () => callbacks.delete(callback) };
    },
    close() {
      poll.close();
      callbacks.clear();
      events?.socket.close();
      dumper?.socket.close();
    },
  };
}

/** Runs the action once, a moment after the first of a flock of signals. */
function settler(clock: Clock, action: () => void): () => void {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    clock.sleep(SETTLE_MS).then(() => {
      waiting = false;
      action();
    });
  };
}

function openNetlink(log: Log): RtNetlink | undefined {
  try {
    const netlink = createRtNetlink({
      ref: true,
      recvBufferSize: 1 << 20,
      sendBufferSize: 1 << 16,
    });
    // A full receive buffer (ENOBUFS) means lost messages, which the poll makes up for.
    netlink.socket.on('error', (error) => log.debug({ error }, 'netlink reported an error'));
    return netlink;
  } catch (error) {
    log.warn({ error }, 'netlink is not available; links are read from sysfs every 2 s');
    return undefined;
  }
}
