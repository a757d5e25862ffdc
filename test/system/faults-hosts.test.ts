import { faultLab } from '../lab/fault-labs.ts';
import { testFaults } from '../lab/fault-suite.ts';

testFaults(faultLab('hosts'), 'with witness');
