import { runWire } from '../../src/wire/wire.ts';

/** What `main.ts` does for `wire --link NAME`, for the tests of the wire alone. */
await runWire({ link: process.argv[4] ?? '' });
process.exit(0);
