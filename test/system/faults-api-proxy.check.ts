import { testFaults } from '../lab/fault-suite.ts';
import { PROTECTION } from '../lab/protection.ts';

testFaults('API proxy', PROTECTION);
