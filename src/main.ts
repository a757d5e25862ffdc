/**
 * The only entry: the first argument picks what this process is. Each is loaded on its own, so that a
 * wire, whose memory counts once for every link, carries nothing of the others.
 */
import { argv, exit, stderr } from 'node:process';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(import.meta.url);

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === 'wire' && args[1] === '--link' && args[2] !== undefined) {
    const { runWire } = await import('./wire/wire.ts');
    await runWire({ link: args[2] });
    return 0;
  }
  const { parseCommand } = await import('./cli/command.ts');
  const { version } = await import('./cli/version.ts');
  const invocation = parseCommand(args, version);
  switch (invocation.kind) {
    case 'done':
      return invocation.exitCode;
    case 'health': {
      const { checkHealth } = await import('./cli/health.ts');
      return checkHealth(invocation);
    }
    case 'drain': {
      const { drainNode } = await import('./cli/drain.ts');
      return drainNode(invocation);
    }
    case 'agent': {
      const { startAgent } = await import('./agent/start.ts');
      await startAgent(invocation, entry);
      return 0;
    }
    case 'controller': {
      const { startController } = await import('./controller/start.ts');
      await startController(invocation);
      return 0;
    }
  }
}

try {
  exit(await main(argv.slice(2)));
} catch (error) {
  stderr.write(`leasehold: ${error instanceof Error ? error.message : String(error)}\n`);
  exit(1);
}
