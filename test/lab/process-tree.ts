import { readdirSync, readFileSync } from 'node:fs';

/** A process, every process of its group, and all their descendants, as /proc shows them now. */
export function processTree(root: number): number[] {
  const all = processes();
  const found = new Set<number>();
  for (const { pid, group } of all) if (pid === root || group === root) found.add(pid);
  for (let grown = true; grown; ) {
    grown = false;
    for (const { pid, parent } of all) {
      if (!found.has(pid) && found.has(parent)) {
        found.add(pid);
        grown = true;
      }
    }
  }
  return [...found];
}

/** The processes whose parent is `parent`, each with its command line. */
export function childrenOf(parent: number): { pid: number; command: readonly string[] }[] {
  return processes()
    .filter((process) => process.parent === parent)
    .map(({ pid }) => ({ pid, command: readText(`/proc/${pid}/cmdline`).split('\0') }));
}

function processes(): { pid: number; parent: number; group: number }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readText(`/proc/${name}/stat`);
      // After the name in parentheses: state, parent, process group.
      const [state, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (stat === '' || state === 'Z') return [];
      return [{ pid: Number(name), parent: Number(parent), group: Number(group) }];
    });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
