import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { breaches, importsOf, type Sources } from './support/tidy.ts';

const ROOT = new URL('../', import.meta.url);

function readSources(): Sources {
  const folders = ['src', 'test', 'scripts'];
  const paths = folders.flatMap((folder) =>
    readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => `${folder}/${path}`),
  );
  return new Map(paths.map((path) => [path, readFileSync(new URL(path, ROOT), 'utf8')]));
}

test('the sources keep the rules of ARCHITECTURE.md', () => {
  const found = breaches(readSources());
  assert.deepEqual(found, [], `\n${found.join('\n')}\n`);
});

const LINES_70 = '  work();\n'.repeat(70);
const BAD: readonly { name: string; path: string; text: string; says: RegExp }[] = [
  {
    name: 'a sibling',
    path: 'src/arp/x.ts',
    text: "import { rank } from '../election/rank.ts';",
    says: /siblings do not know each other/,
  },
  {
    name: 'a higher rank',
    path: 'src/net/x.ts',
    text: "import type { Log } from '../sys/log.ts';",
    says: /of rank 1: move what is shared/,
  },
  {
    name: 'a decider of rank 1, with its code, in a shell',
    path: 'src/kube/x.ts',
    text: "import { type Claims, incarnationId } from '../election/records.ts';",
    says: /siblings do not know each other/,
  },
  {
    name: 'input and output in a decision',
    path: 'src/ipam/x.ts',
    text: "import { readFileSync } from 'node:fs';",
    says: /decisions do no input or output/,
  },
  {
    name: 'a test',
    path: 'src/sys/x.ts',
    text: "import '../../test/x.ts';",
    says: /belongs into src/,
  },
  {
    name: 'a clock',
    path: 'src/agent/x.ts',
    text: 'const t = Date.now();',
    says: /take the time as/,
  },
  {
    name: 'a timer',
    path: 'src/kube/x.ts',
    text: '  setTimeout(go, 5);',
    says: /take the time as/,
  },
  { name: 'chance', path: 'src/ipam/x.ts', text: 'go(Math.random());', says: /clock\.random/ },
  {
    name: 'async decisions',
    path: 'src/ipam/x.ts',
    text: 'async function f() {}',
    says: /synchronously/,
  },
  { name: 'any', path: 'src/agent/x.ts', text: 'const x = y as any;', says: /say `unknown`/ },
  {
    name: 'a double cast',
    path: 'src/agent/x.ts',
    text: 'y as unknown as X;',
    says: /checks the value/,
  },
  {
    name: 'an ignored error',
    path: 'src/sys/x.ts',
    text: '// @ts-ignore',
    says: /correct the type/,
  },
  { name: 'an exit', path: 'src/cli/x.ts', text: 'process.exit(1);', says: /main\.ts alone/ },
  { name: 'a barrel', path: 'src/net/index.ts', text: '', says: /import the file that is meant/ },
  {
    name: 'a homeless file',
    path: 'src/misc/x.ts',
    text: "import 'yaml';",
    says: /no known folder/,
  },
  {
    name: 'a long line',
    path: 'src/net/x.ts',
    text: `f(${'a, '.repeat(40)});`,
    says: /100 columns/,
  },
  {
    name: 'a long function',
    path: 'src/net/x.ts',
    text: `export function f(\n  a: number,\n): void {\n${LINES_70}}`,
    says: /f has 74 lines/,
  },
  {
    name: 'a long method',
    path: 'src/sys/x.ts',
    text: `class X {\n  async #go(): Promise<void> {\n${LINES_70.replaceAll('  w', '    w')}  }\n}`,
    says: /#go has 72 lines/,
  },
  {
    name: 'a long arrow function',
    path: 'src/sys/x.ts',
    text: `const go = async (a: number) => {\n${LINES_70}};`,
    says: /go has 72 lines/,
  },
  {
    name: 'a long file',
    path: 'src/net/x.ts',
    text: 'go();\n'.repeat(251),
    says: /251 lines of code/,
  },
  { name: 'an unused file', path: 'src/net/x.ts', text: '', says: /nothing but its own test/ },
];

for (const { name, path, text, says } of BAD) {
  test(`the rules refuse ${name}`, () => {
    const found = breaches(new Map([[path, text]]));
    assert.ok(
      found.some((sentence) => says.test(sentence)),
      `found only: ${found.join('; ')}`,
    );
  });
}

test('the rules refuse a cycle, but not one of types alone', () => {
  const cycle = (second: string) =>
    breaches(
      new Map([
        ['src/net/a.ts', "import { b } from './b.ts';"],
        ['src/net/b.ts', second],
      ]),
    ).filter((sentence) => sentence.includes('cycle'));
  assert.equal(cycle("import { a } from './a.ts';").length, 1);
  assert.equal(cycle("import type { A } from './a.ts';").length, 0);
});

test('importsOf() reads statements over several lines, and dynamic ones', () => {
  const text =
    "import {\n  type A,\n  b,\n} from './x.ts';\nconst c = await import('../y/z.ts');\n";
  assert.deepEqual(importsOf('src/net/a.ts', text), [
    { from: 'src/net/a.ts', to: 'src/net/x.ts', typesOnly: false },
    { from: 'src/net/a.ts', to: 'src/y/z.ts', typesOnly: false },
  ]);
});
