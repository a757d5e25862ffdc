import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crdsYaml } from './crds.ts';

const file = join(import.meta.dirname, '../deploy/crds.yaml');
writeFileSync(file, crdsYaml());
console.log('wrote deploy/crds.yaml');
