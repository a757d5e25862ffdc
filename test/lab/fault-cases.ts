import { FAULT_LABS } from './fault-labs.ts';

export type { FaultResult } from './fault.ts';
export { runFault } from './fault-run.ts';

const ON_PLAIN_LABS = [
  ...['crash', 'kill', 'term', 'api-cut'],
  ...['stop', 'stop-agent', 'stop-wire', 'link-down'],
];

/** Faults of the owner that any lab can make; of the issue of leases alone. */
export const FAULT_CASES = FAULT_LABS.flatMap(({ cases }) => cases).filter(({ name }) =>
  ON_PLAIN_LABS.includes(name),
);
