/** An authority of a test's own, a certificate for `localhost` and one for the client `app-7`. */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { tempDir } from './temp-dir.ts';

/** Paths of PEM files. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clientCert: string;
  readonly clientKey: string;
  /** Of the server's key and authority, for `localhost`, and expired. */
  readonly expiredCert: string;
}

/** `openssl ca` alone takes the dates of a certificate. */
const caConfig = (directory: string): string => `[ca]
default_ca = test
[test]
database = ${directory}/index.txt
new_certs_dir = ${directory}
serial = ${directory}/serial
default_md = sha256
policy = any
[any]
commonName = supplied
[names]
subjectAltName = DNS:localhost,IP:127.0.0.1
`;

export async function makeCertificates(t: Test): Promise<Certificates> {
  const directory = await tempDir(t);
  const at = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=Test CA', '-days', '2');
  const authority = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-days', '2', '-addext', 'basicConstraints=CA:FALSE'];
  const sign = (name: string, subject: string, ...more: string[]): void => {
    const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)];
    openssl('req', '-x509', ...key, ...files, '-subj', subject, ...authority, ...more);
  };
  sign('server', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  sign('client', '/CN=app-7');
  await Promise.all([
    writeFile(at('ca.conf'), caConfig(directory)),
    writeFile(at('index.txt'), ''),
    writeFile(at('serial'), '01'),
  ]);
  openssl('req', '-new', '-key', at('server.key'), '-subj', '/CN=localhost', '-out', at('expired.csr'));
  const dates = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z', '-extensions', 'names'];
  const issuer = ['-config', at('ca.conf'), '-cert', at('ca.pem'), '-keyfile', at('ca.key')];
  openssl('ca', '-batch', '-notext', ...issuer, ...dates, '-in', at('expired.csr'), '-out', at('expired.pem'));
  return {
    ca: at('ca.pem'),
    cert: at('server.pem'),
    key: at('server.key'),
    clientCert: at('client.pem'),
    clientKey: at('client.key'),
    expiredCert: at('expired.pem'),
  };
}
