import { connect, createServer } from 'node:net';

/**
 * Runs inside the control plane's namespace: joins a unix socket, which has no namespace, with a
 * TCP port there.
 */
const [socketPath, port] = process.argv.slice(2);
createServer((outer) => {
  const inner = connect(Number(port), '127.0.0.1');
  outer.pipe(inner).pipe(outer);
  outer.on('error', () => inner.destroy());
  inner.on('error', () => outer.destroy());
}).listen(socketPath, () => process.stdout.write('listening\n'));
// Ends with the test that started it.
process.stdin.resume().on('end', () => process.exit(0));
