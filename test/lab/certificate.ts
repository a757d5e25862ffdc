import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

/**
 * Writes `ca.crt` and `server.key` into the folder: one certificate that vouches for itself, so that
 * the lab needs no authority beside it. It is valid from 1990 to 2090, so that a wrong clock shows
 * what it does to the protocol and not that it makes certificates invalid.
 */
export async function writeCertificate(folder: string, names: readonly string[]): Promise<void> {
  const path = (name: string) => join(folder, name);
  const key = path('server.key');
  writeFileSync(
    path('openssl.cnf'),
    `[req]
distinguished_name = subject
[subject]
[ca]
default_ca = lab
[lab]
new_certs_dir = ${folder}
database = ${path('certificates.txt')}
serial = ${path('serial.txt')}
default_md = sha256
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
subjectAltName = ${names.join()}
`,
  );
  writeFileSync(path('certificates.txt'), '');
  writeFileSync(path('serial.txt'), '01\n');
  const config = ['-config', path('openssl.cnf')];
  await run('openssl', [
    ...['req', '-new', ...config, '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ...['-nodes', '-subj', '/CN=leasehold-lab', '-keyout', key, '-out', path('server.csr')],
  ]);
  await run('openssl', [
    ...['ca', '-batch', '-selfsign', '-notext', ...config, '-keyfile', key],
    ...['-startdate', '19900101000000Z', '-enddate', '20900101000000Z'],
    ...['-in', path('server.csr'), '-out', path('ca.crt')],
  ]);
}
