import { type Claims, type Heartbeat, incarnationId } from '../../src/election/records.ts';
import { add, type Instant, NEVER } from '../../src/instant.ts';
import type { WitnessMessage } from '../../src/witness/message.ts';
import type { SearchNode } from './search-node.ts';
import { mayAnswer, type SearchWire } from './search-wire.ts';
import { type Oracle, type SearchRequest, type SearchWorld, timeOf, VIP } from './search-world.ts';
import { SEND_DELAY_MS } from './sim-wire.ts';

/** A promise that is broken, in words. */
export interface Broken {
  readonly property: string;
  readonly text: string;
}

export function noteSaid(oracle: Oracle, message: WitnessMessage): Oracle {
  if (message.kind !== 'said' || message.utterance.kind !== 'release') return oracle;
  const { vips, upTo } = message.utterance;
  const known = new Map(oracle.released.get(message.sender));
  for (const vip of vips) known.set(vip, Math.max(known.get(vip) ?? 0, upTo));
  return { ...oracle, released: new Map(oracle.released).set(message.sender, known) };
}

export function noteSent(oracle: Oracle, writer: string, record: Heartbeat | Claims): Oracle {
  const before = oracle.written.get(writer);
  if (record.node !== writer) return broken(oracle, 'S6', `${writer} wrote for ${record.node}`);
  if (before === record.incarnation) return oracle;
  if (before !== undefined && record.incarnation < before) {
    return broken(oracle, 'S6', `${writer} wrote as ${record.incarnation} after ${before}`);
  }
  return { ...oracle, written: new Map(oracle.written).set(writer, record.incarnation) };
}

export function noteCommitted(
  before: Oracle,
  { sentAt }: SearchRequest,
  record: Heartbeat | Claims,
  world: SearchWorld,
): Oracle {
  const { node, session, write } = record;
  const id = incarnationId(record);
  if (record.kind === 'heartbeat') {
    const holder = world.nodes.find(({ name }) => name === node);
    const until = add(sentAt, holder?.state.timing.holderPatience ?? 0);
    const known = before.entitledUntil.get(id) ?? NEVER;
    if (known >= until) return before;
    return { ...before, entitledUntil: new Map(before.entitledUntil).set(id, until) };
  }
  const claim = { id, session, write, vips: new Set(record.vips.keys()) };
  const oracle = { ...before, claims: new Map(before.claims).set(node, claim) };
  const text = unclaimed({ ...world, oracle }, node);
  return text === undefined ? oracle : broken(oracle, 'S4', text);
}

/** The first promise that is broken at this moment. */
export function brokenIn(world: SearchWorld): Broken | undefined {
  const now = timeOf(world);
  if (world.oracle.broken !== undefined) return world.oracle.broken;
  const answering = world.nodes.filter((node) => answers(node, now).length > 0);
  const [one, other] = answering;
  if (one !== undefined && other !== undefined) {
    return { property: 'S1', text: `${one.name} and ${other.name} both answer for ${VIP}` };
  }
  if (one === undefined) return undefined;
  const text = unclaimed(world, one.name);
  if (text !== undefined) return { property: 'S3', text };
  return overdue(world, one, now) ?? decreased(world, one, now);
}

/** The world after who answers was noted. */
export function noted(world: SearchWorld): SearchWorld {
  const now = timeOf(world);
  for (const node of world.nodes) {
    for (const wire of answers(node, now)) {
      const epoch = epochOf(wire);
      const { last } = world.oracle;
      if (last?.node === node.name && last.epoch === epoch) continue;
      if (last !== undefined && epoch < last.epoch) continue;
      const oracle = { ...world.oracle, last: { node: node.name, epoch } };
      return { ...world, oracle };
    }
  }
  return world;
}

function answers({ life, wire, ghost }: SearchNode, now: Instant): SearchWire[] {
  if (life === 'stopped' || life === 'dead' || life === 'boots') return [];
  const wires = ghost === undefined ? [wire] : [wire, ghost];
  return wires.filter((each) => mayAnswer(each, now));
}

function unclaimed(world: SearchWorld, name: string): string | undefined {
  const { oracle } = world;
  const node = world.nodes.find((each) => each.name === name);
  if (node === undefined) return undefined;
  for (const { tableOf } of answers(node, timeOf(world))) {
    const committed = oracle.claims.get(name);
    const upTo = oracle.released.get(tableOf)?.get(VIP) ?? 0;
    const stands = committed?.id === tableOf && committed.vips.has(VIP) && committed.write > upTo;
    if (stands) continue;
    const has = `${committed?.id}: ${[...(committed?.vips ?? [])].join(' ')}`;
    return `${tableOf} answers, but committed is ${has}`;
  }
  return undefined;
}

function overdue({ oracle }: SearchWorld, node: SearchNode, now: Instant): Broken | undefined {
  for (const { gate, tableOf } of answers(node, now)) {
    const until = oracle.entitledUntil.get(tableOf) ?? NEVER;
    if (gate.held || now < until + SEND_DELAY_MS) continue;
    return { property: 'S5', text: `${tableOf} answers ${now - until} ms after its authority` };
  }
  return undefined;
}

function decreased({ oracle }: SearchWorld, node: SearchNode, now: Instant): Broken | undefined {
  const { last } = oracle;
  if (last === undefined) return undefined;
  for (const wire of answers(node, now)) {
    const epoch = epochOf(wire);
    if (epoch >= last.epoch) continue;
    return { property: 'S2', text: `${node.name} answers in epoch ${epoch} after ${last.epoch}` };
  }
  return undefined;
}

function epochOf({ table }: SearchWire): bigint {
  return table.get(VIP) ?? 0n;
}

function broken(oracle: Oracle, property: string, text: string): Oracle {
  return { ...oracle, broken: oracle.broken ?? { property, text } };
}
