import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { crdsYaml } from '../../scripts/crds.ts';
import { WITNESS_SECRET } from '../../src/controller/witness-key.ts';

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

interface DaemonSet {
  readonly spec: { readonly template: { readonly spec: PodSpec } };
}

interface PodSpec {
  readonly containers: readonly { readonly args: string[]; readonly volumeMounts: unknown }[];
  readonly volumes: unknown;
}

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly { readonly resources: readonly string[] }[];
}

function documents<T>(file: string): readonly T[] {
  const text = readFileSync(join(deploy, `${file}.yaml`), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS());
}

test('the agents get the key that the controller makes, and start without it', () => {
  const [agent] = documents<DaemonSet>('agent');
  const pod = agent?.spec.template.spec;
  assert.deepEqual(pod?.volumes, [
    {
      name: 'witness',
      secret: { secretName: WITNESS_SECRET, defaultMode: 0o400, optional: true },
    },
  ]);
  const container = pod?.containers[0];
  assert.deepEqual(container?.volumeMounts, [
    { name: 'witness', mountPath: '/etc/leasehold/witness', readOnly: true },
  ]);
  assert.deepEqual(
    container?.args.filter((each) => each.includes('witness')),
    ['key', 'previous'].map((key) => `--witness-key-file=/etc/leasehold/witness/${key}`),
  );
});

test('of Secrets the controller may read one and create, the agents nothing', () => {
  const rules = documents<Role>('rbac').flatMap(({ kind, metadata: { name }, rules = [] }) =>
    rules
      .filter((rule) => rule.resources.includes('secrets'))
      .map((rule) => ({ kind, name, ...rule })),
  );
  const common = { kind: 'Role', name: 'leasehold-controller', apiGroups: [''] };
  assert.deepEqual(rules, [
    { ...common, resources: ['secrets'], resourceNames: [WITNESS_SECRET], verbs: ['get'] },
    { ...common, resources: ['secrets'], verbs: ['create'] },
  ]);
});
