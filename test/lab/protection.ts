import type { Protection } from './running-lab.ts';

/** What the fault cases of scripts/test run with; both are in the long series, `npm run faults`. */
export const PROTECTION: Protection =
  process.env['LEASEHOLD_FAULTS'] === 'leases-alone' ? 'leases alone' : 'with witness';
