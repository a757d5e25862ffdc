import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommand } from '../../src/cli/command.ts';

const parse = (...args: string[]) => parseCommand(args, '0.0.0');

test('drain takes a node, and waits 60 s unless told otherwise', () => {
  assert.deepEqual(parse('drain', 'n1', '--kubeconfig', '/k'), {
    kind: 'drain',
    node: 'n1',
    undo: false,
    timeoutMs: 60_000,
    kubeconfig: '/k',
    namespace: 'leasehold-system',
  });
  const more = parse('drain', 'n1', '--undo', '--timeout', '2.5', '--namespace', 'x');
  assert.ok(more.kind === 'drain');
  assert.deepEqual([more.undo, more.timeoutMs, more.namespace], [true, 2500, 'x']);
});

for (const args of [
  ['drain'],
  ['drain', ''],
  ['drain', 'a', 'b'],
  ['drain', 'a', '--timeout', '0'],
]) {
  test(`\`${args.join(' ')}\` is a usage error`, () => {
    assert.deepEqual(parse(...args), { kind: 'done', exitCode: 1 });
  });
}

test('--witness-key-file may be given twice, in the order of signing', () => {
  const files = (...args: string[]) => {
    const agent = parse('agent', '--node-name', 'n1', ...args);
    return agent.kind === 'agent' ? agent.witnessKeyFile : undefined;
  };
  assert.deepEqual(files(), []);
  assert.deepEqual(files('--witness-key-file', 'b', '--witness-key-file=a'), ['b', 'a']);
  assert.deepEqual(files(), [], 'one call leaves nothing behind for the next');
});
