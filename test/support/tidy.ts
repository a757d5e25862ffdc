/**
 * The architecture rules of ARCHITECTURE.md as a function of the sources; `tidy.test.ts` applies it
 * to the real ones.
 */
import { posix } from 'node:path';

/** Path from the root of the repository -> text. */
export type Sources = ReadonlyMap<string, string>;

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typesOnly: boolean;
}

const RANKS: readonly (readonly [prefix: string, rank: number])[] = [
  ['src/net/', 0],
  ['src/model.ts', 0],
  ['src/instant.ts', 0],
  ['src/arp/', 1],
  ['src/ndp/', 1],
  ['src/election/', 1],
  ['src/ipam/', 1],
  ['src/witness/', 1],
  ['src/sys/', 1],
  ['src/kube/', 1],
  ['src/wire/', 2],
  ['src/agent/', 2],
  ['src/controller/', 2],
  ['src/cli/', 2],
  ['src/main.ts', 3],
];
const PURE = /^src\/(net|arp|ndp|election|ipam|witness)\/|^src\/(model|instant)\.ts$/;
const SHELL = /^src\/(sys|kube)\//;
/** Modules of Node that neither do input or output nor know the time. */
const HARMLESS = /^node:(util|path|buffer|assert|url)(\/|$)/;

const MAX_FUNCTION_LINES = 70;
const MAX_FILE_CODE_LINES = 250;
const MAX_COLUMNS = 100;

const BANNED: readonly (readonly [pattern: RegExp, where: RegExp, advice: string])[] = [
  [
    /\b(Date\.now|new Date\(\)|performance\.now|process\.hrtime|setTimeout\(|setInterval\(|setImmediate\()/,
    /^src\/(?!sys\/clock\.ts$)/,
    'take the time as `now: Instant`, or a `Clock` in a shell; only src/sys/clock.ts reads clocks',
  ],
  [
    /\bMath\.random\b/,
    /^src\/(?!sys\/clock\.ts$)/,
    'take the random number as a parameter, from `clock.random` of src/sys/clock.ts',
  ],
  [/\bEventEmitter\b/, /^src\//, 'mark a change with one signal and let the loop look'],
  [/\bas any\b|: any\b|<any>/, /^src\//, 'say `unknown` and find out what it is'],
  [/\bas unknown as\b/, /^src\//, 'write a function that checks the value and returns the type'],
  [/@ts-(ignore|nocheck|expect-error)/, /^src\//, 'correct the type instead of silencing it'],
  [/\basync\b|\bawait\b/, PURE, 'decide synchronously; a shell does what takes time'],
  [
    /\bprocess\.exit\(/,
    /^src\/(?!main\.ts$)/,
    'return or throw; src/main.ts alone ends the process',
  ],
];

/** A sentence for each breach of a rule, saying what to do instead. */
export function breaches(sources: Sources): string[] {
  const imports = [...sources].flatMap(([path, text]) => importsOf(path, text));
  const inSrc = imports.filter(({ from }) => from.startsWith('src/'));
  return [
    ...inSrc.flatMap(rankBreach),
    ...inSrc.flatMap(moduleBreach),
    ...cycleBreaches(inSrc),
    ...unusedBreaches(sources, imports),
    ...[...sources].filter(([path]) => path.startsWith('src/')).flatMap(textBreaches),
  ];
}

/**
 * The import statements of a formatted TypeScript file, dynamic ones included; relative paths
 * resolved.
 */
export function importsOf(from: string, text: string): Import[] {
  const statement =
    /^(?:import|export)\s+(type\s)?[^;'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...text.matchAll(statement)].map((match) => {
    const name = match[2] ?? match[3] ?? match[4] ?? '';
    const to = name.startsWith('.') ? posix.join(posix.dirname(from), name) : name;
    const named =
      /\{([^}]*)\}/
        .exec(match[0])?.[1]
        ?.split(',')
        .map((part) => part.trim()) ?? [];
    const allTypes =
      named.length > 0 && named.every((part) => part === '' || part.startsWith('type '));
    return { from, to, typesOnly: match[1] !== undefined || allTypes };
  });
}

function rankOf(path: string): number | undefined {
  return RANKS.find(
    ([prefix]) => path === prefix || (prefix.endsWith('/') && path.startsWith(prefix)),
  )?.[1];
}

const folderOf = (path: string) => path.split('/').slice(0, 2).join('/');

function rankBreach({ from, to, typesOnly }: Import): string[] {
  const own = rankOf(from);
  if (own === undefined) {
    return [`${from} is in no known folder: give it a place in the ranks of ARCHITECTURE.md`];
  }
  if (!to.startsWith('src/')) {
    return to.startsWith('test/') || to.startsWith('scripts/')
      ? [`${from} imports ${to}: what the program needs belongs into src/`]
      : [];
  }
  const other = rankOf(to);
  if (other === undefined || folderOf(from) === folderOf(to) || other < own) return [];
  if (own === 0 && other === 0) return [];
  if (own === 1 && other === 1) {
    // Both shells may use each other; of the deciders next to them they may know the types alone.
    if (SHELL.test(from) && (SHELL.test(to) || typesOnly)) return [];
    return [
      `${from} imports ${to}: siblings do not know each other; let a file of rank 2 bring them together`,
    ];
  }
  if (own === 2 && other === 2 && typesOnly) return [];
  // Rank 2 stands on wires: the agent starts them. Between the others there is nothing to share.
  if (own === 2 && other === 2 && (folderOf(to) === 'src/wire' || folderOf(from) === 'src/cli'))
    return [];
  return [`${from} imports ${to} of rank ${other}: move what is shared to a lower rank`];
}

function moduleBreach({ from, to, typesOnly }: Import): string[] {
  if (PURE.test(from) && to.startsWith('node:') && !HARMLESS.test(to)) {
    return [`${from} imports ${to}: decisions do no input or output; take the data as a parameter`];
  }
  if (PURE.test(from) && /^(cap|netlink|undici|pino|prom-client|@kubernetes)/.test(to)) {
    return [`${from} imports ${to}: keep libraries that touch the world in src/sys or src/kube`];
  }
  if (to.startsWith('@kubernetes/') && !from.startsWith('src/kube/') && !typesOnly) {
    return [`${from} imports ${to}: only src/kube knows Kubernetes' client`];
  }
  return [];
}

function cycleBreaches(imports: readonly Import[]): string[] {
  const next = Map.groupBy(
    imports.filter(({ typesOnly }) => !typesOnly),
    ({ from }) => from,
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, above: readonly string[]) => {
    if (above.includes(path)) {
      const cycle = [...above.slice(above.indexOf(path)), path].join(' -> ');
      found.push(`${cycle} is a cycle: move what both need into a third file`);
      return;
    }
    if (done.has(path)) return;
    for (const { to } of next.get(path) ?? []) visit(to, [...above, path]);
    done.add(path);
  };
  for (const path of next.keys()) visit(path, []);
  return found;
}

function unusedBreaches(sources: Sources, imports: readonly Import[]): string[] {
  return [...sources.keys()]
    .filter((path) => path.startsWith('src/') && path !== 'src/main.ts' && !path.endsWith('.d.ts'))
    .filter((path) => {
      const ownTest = path.replace(/^src\//, 'test/').replace(/\.ts$/, '.test.ts');
      return !imports.some(({ from, to }) => to === path && from !== path && from !== ownTest);
    })
    .map((path) => `${path} is used by nothing but its own test: use it or remove it`);
}

function textBreaches([path, text]: readonly [string, string]): string[] {
  const lines = text.split('\n');
  const code = withoutComments(lines);
  const found: string[] = [];
  const size = code.filter((line) => line.trim() !== '').length;
  if (size > MAX_FILE_CODE_LINES) {
    found.push(
      `${path} has ${size} lines of code: split it by purpose, ${MAX_FILE_CODE_LINES} at most`,
    );
  }
  if (path.endsWith('/index.ts')) found.push(`${path} is a barrel: import the file that is meant`);
  for (const [index, line] of lines.entries()) {
    if (
      line.length > MAX_COLUMNS &&
      !/^\s*(\/\*\*|\*|\/\/)/.test(line) &&
      !/[`'/].{80}/.test(line)
    ) {
      found.push(`${path}:${index + 1} is longer than ${MAX_COLUMNS} columns: break the line`);
    }
  }
  for (const [pattern, where, advice] of BANNED) {
    if (!where.test(path)) continue;
    const scanned = pattern.source.startsWith('@ts') ? lines : code;
    const index = scanned.findIndex((line) => pattern.test(line));
    const word = pattern.exec(scanned[index] ?? '')?.[0];
    if (index >= 0) found.push(`${path}:${index + 1} uses "${word}": ${advice}`);
  }
  for (const { name, line, length } of functionsOf(lines)) {
    if (length <= MAX_FUNCTION_LINES) continue;
    found.push(
      `${path}:${line} ${name} has ${length} lines: take a step out of it, ${MAX_FUNCTION_LINES} at most`,
    );
  }
  return found;
}

/**
 * The lines with comments blanked, strings left alone: enough for formatted sources, where comments
 * stand on lines of their own.
 */
function withoutComments(lines: readonly string[]): string[] {
  let inside = false;
  return lines.map((line) => {
    if (inside) {
      inside = !line.includes('*/');
      return '';
    }
    const text = line.trim();
    if (text.startsWith('//')) return '';
    if (text.startsWith('/*')) {
      inside = !text.includes('*/');
      return '';
    }
    return line.replace(/\s\/\/ .*$/, '');
  });
}

/**
 * Functions and methods by Biome's formatting: the closing brace has the indentation of the line
 * that the head starts on.
 */
function functionsOf(lines: readonly string[]): { name: string; line: number; length: number }[] {
  const head =
    /^(\s*)(?:export )?(?:default )?(?:(?:static |async |get |set )*(?:function\*? ?(\w*)|(?!(?:if|for|while|switch|catch|return)\b)([#\w]+)(?:<.*>)?\((?!.*;$))|(?:const|let) (\w+)(?:: .*)? = (?:async )?(?:\(|\w+ =>))/;
  return lines.flatMap((line, start) => {
    const match = head.exec(line);
    if (match === null) return [];
    const indent = match[1] ?? '';
    const rest = lines.slice(start + 1);
    const end = rest.findIndex(
      (one) => one.startsWith(`${indent}}`) && !one.trimEnd().endsWith('{'),
    );
    const next = rest.findIndex(
      (one) => one.trim() !== '' && indentOf(one) <= indent.length && !/^\s*[)}\]]/.test(one),
    );
    if (end < 0 || (next >= 0 && next < end)) return [];
    return [
      { name: match[2] ?? match[3] ?? match[4] ?? 'function', line: start + 1, length: end + 2 },
    ];
  });
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
