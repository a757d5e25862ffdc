import { ownerLab } from '../lab/fault-labs.ts';
import { testFaults } from '../lab/fault-suite.ts';

/** What befalls an owner; without the witness the other labs' cases show nothing new. */
const CASES = ['crash', 'kill', 'term', 'stop', 'stop-agent', 'stop-wire', 'link-down', 'api-cut'];

testFaults(ownerLab(CASES), 'leases alone');
