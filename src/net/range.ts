import type { AddressRange } from '../model.ts';
import { ipToBigInt } from './ip.ts';

/** Whether the canonical address lies in the inclusive range. */
export function rangeContains(range: AddressRange, ip: string): boolean {
  const address = ipToBigInt(ip);
  const first = ipToBigInt(range.first);
  if (address.family !== first.family || address.value < first.value) return false;
  return address.value <= ipToBigInt(range.last).value;
}
