/** TLS of sinks: who is trusted, who we show that we are, and what an operator is told when it fails. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { SinkType } from '../../src/sinks/registry.ts';
import { type Certificates, makeCertificates } from '../certificates.ts';
import { find } from '../clients/programs.ts';
import { configured, forwarding } from '../pipeline/forward/forwarding.ts';
import { someRecords } from '../records.ts';
import { needsPostgres, startPostgres } from '../servers/postgres.ts';
import { tempDir } from '../temp-dir.ts';
import { ScriptedUpstream, answer, rowsIn } from './scripted-upstream.ts';

const timeout = 390_000;
const needsOpenssl = find('openssl') === null ? 'openssl is not installed' : false;
const pem = (path: string): string => readFileSync(path, 'utf8');

async function forward(t: Test, type: SinkType, options: Record<string, unknown>) {
  return forwarding(t, [configured(type, options)], { records: someRecords(10), env: { PASSWORD: 's3cr:t/%' } });
}

/** What the sink says first when it cannot deliver. */
async function complaint(t: Test, type: 'http' | 'postgres', options: Record<string, unknown>) {
  const { until } = await forward(t, type, options);
  const { lastError, position } = await until((status) => status.lastError !== null);
  t.equal(position, 0);
  return lastError;
}

async function tlsUpstream(t: Test, files: Certificates, cert = files.cert) {
  return ScriptedUpstream.listen(t, { cert: pem(cert), key: pem(files.key), ca: pem(files.ca), requestCert: true });
}

void test(
  'HTTP over TLS: a custom authority and a client certificate; an authority that is not known is refused with a hint',
  { timeout, skip: needsOpenssl },
  async (t) => {
    const files = await makeCertificates(t);
    const upstream = await tlsUpstream(t, files);
    const url = `https://localhost:${upstream.port}/in`;
    const own = { cert: files.clientCert, key: files.clientKey };

    const { until } = await forward(t, 'http', { url, tls: { ca: files.ca, ...own } });
    await until(({ position }) => position === 10);
    t.equal(rowsIn(upstream.received).length, 10);

    t.match(await complaint(t, 'http', { url, tls: own }), { hint: /tls\.ca/ });
    t.ok(await complaint(t, 'http', { url, tls: { ca: files.ca } }), 'the client certificate is missing');
  },
);

const authorizations = (file: string) =>
  [
    [{ type: 'basic', username: 'me', password: { file } }, 'authorization', `Basic ${btoa('me:s3cr:t/%')}`],
    [{ type: 'bearer', token: { file } }, 'authorization', 'Bearer s3cr:t/%'],
    [{ type: 'header', name: 'X-Api-Key', value: { file } }, 'x-api-key', 's3cr:t/%'],
    [{ type: 'basic', username: 'me', password: { env: 'PASSWORD' } }, 'authorization', `Basic ${btoa('me:s3cr:t/%')}`],
    [{ type: 'bearer', token: { env: 'PASSWORD' } }, 'authorization', 'Bearer s3cr:t/%'],
    [{ type: 'header', name: 'X-Api-Key', value: { env: 'PASSWORD' } }, 'x-api-key', 's3cr:t/%'],
  ] as const;

/** What each sort of upstream answers when it has taken all. */
const taken = {
  http: '',
  regression: '{"accepted":10,"rejected_count":0,"rejected":[]}',
  otlp: '{}',
  loki: '',
  elasticsearch: '{"errors":false}',
  clickhouse: '',
} as const satisfies Partial<Record<SinkType, string>>;

void test(
  'every sink that speaks HTTP: a custom authority, a client certificate, and each way to show who we are, from a file or a variable',
  { timeout, skip: needsOpenssl },
  async (t) => {
    const files = await makeCertificates(t);
    const file = join(await tempDir(t), 'secret');
    await writeFile(file, 's3cr:t/%\n');
    const tls = { ca: files.ca, cert: files.clientCert, key: files.clientKey };
    for (const [type, text] of Object.entries(taken)) {
      const upstream = await tlsUpstream(t, files);
      upstream.always(answer(200, text, { 'content-type': 'application/json' }));
      for (const [auth, header, value] of authorizations(file)) {
        upstream.received.length = 0;
        const url = `https://localhost:${upstream.port}/in`;
        const { until } = await forward(t, type as keyof typeof taken, { url, tls, auth });
        t.match(await until(({ position }) => position === 10), { deliveredRows: 10 }, type);
        t.equal(upstream.received[0]?.headers[header], value, `${type}: ${JSON.stringify(auth)}`);
      }
    }
  },
);

void test(
  'F56: an expired certificate is named in the error and the hint, and the rows wait for a new one',
  { timeout, skip: needsOpenssl },
  async (t) => {
    const files = await makeCertificates(t);
    const expired = await tlsUpstream(t, files, files.expiredCert);
    const { port } = expired;
    const tls = { ca: files.ca, cert: files.clientCert, key: files.clientKey };
    const { until } = await forward(t, 'http', { url: `https://localhost:${port}/in`, tls });
    t.match(await until(({ lastError }) => lastError !== null), {
      state: 'waiting',
      position: 0,
      lastError: { message: /certificate has expired/, hint: /certificate has expired/ },
    });

    await expired.close();
    const renewed = new ScriptedUpstream({ cert: pem(files.cert), key: pem(files.key) });
    t.teardown(() => renewed.close());
    await renewed.listen(port);
    t.match(await until(({ position }) => position === 10), { deliveredRows: 10 });
  },
);

void test(
  'PostgreSQL over TLS: a custom authority, a client certificate and a password; each that is missing is said',
  { timeout, skip: needsOpenssl || needsPostgres().skip },
  async (t) => {
    const files = await makeCertificates(t);
    const server = await startPostgres(t, {
      tls: files,
      hba: 'hostssl all app 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\nhostnossl all app 127.0.0.1/32 reject',
    });
    await server.query(`CREATE USER app SUPERUSER PASSWORD 's3cr:t/%'`);
    const url = new URL(server.url);
    url.username = 'app';
    const options = { url: url.toString(), create_tables: true, password: { env: 'PASSWORD' } };
    const own = { cert: files.clientCert, key: files.clientKey };

    const { until } = await forward(t, 'postgres', { ...options, tls: { ca: files.ca, ...own } });
    await until(({ position }) => position === 10);
    t.same(await server.query('SELECT count(*)::int AS rows FROM logs'), [{ rows: 10 }]);
    const file = join(await tempDir(t), 'password');
    await writeFile(file, 's3cr:t/%\n');
    const byFile = await forward(t, 'postgres', { ...options, password: { file }, tls: { ca: files.ca, ...own } });
    await byFile.until(({ position }) => position === 10);

    const { password: _, ...withoutPassword } = options;
    t.match(await complaint(t, 'postgres', { ...options, tls: own }), { hint: /tls\.ca/ });
    t.match(await complaint(t, 'postgres', { ...options, tls: { ca: files.ca } }), { message: /certificate/ });
    t.match(await complaint(t, 'postgres', { ...withoutPassword, tls: { ca: files.ca, ...own } }), {
      message: /password/i,
    });
    t.match(await complaint(t, 'postgres', { ...options, tls: { ca: files.ca, ...own, server_name: 'elsewhere' } }), {
      hint: /tls\.server_name/,
    });
    t.match(await complaint(t, 'postgres', options), { message: /rejects|no encryption|password/ });
  },
);
