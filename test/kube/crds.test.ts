import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { crdsYaml } from '../../scripts/crds.ts';

const deploy = join(import.meta.dirname, '../../deploy');

test('deploy/crds.yaml is what `npm run generate` writes', () => {
  const stored = readFileSync(join(deploy, 'crds.yaml'), 'utf8');
  assert.equal(stored, crdsYaml(), 'run `npm run generate` and commit deploy/crds.yaml');
});

test('every manifest carries the image leasehold:dev, which the kustomization replaces', () => {
  for (const file of ['agent.yaml', 'controller.yaml']) {
    const images = readFileSync(join(deploy, file), 'utf8').match(/image: .*/g);
    assert.deepEqual(images, ['image: leasehold:dev']);
  }
});

test('all manifests are YAML without errors', () => {
  for (const file of ['namespace', 'crds', 'rbac', 'agent', 'controller', 'kustomization']) {
    for (const document of parseAllDocuments(readFileSync(join(deploy, `${file}.yaml`), 'utf8'))) {
      assert.deepEqual(document.errors, []);
    }
  }
});
