/** Addresses that lead elsewhere: the rows wait, and `status` says what is wrong. */
import { readFileSync } from 'node:fs';
import { test, type Test } from 'tap';
import type { SinkType } from '../../src/sinks/registry.ts';
import { makeCertificates } from '../certificates.ts';
import { find } from '../clients/programs.ts';
import { configured, forwarding } from '../pipeline/forward/forwarding.ts';
import { someRecords } from '../records.ts';
import { needsPostgres, startPostgres } from '../servers/postgres.ts';
import { ScriptedUpstream, answer } from './scripted-upstream.ts';

const timeout = 390_000;
const pem = (path: string): string => readFileSync(path, 'utf8');

/** What is seen of the sink once it has said something. */
async function complaint(t: Test, type: SinkType, options: Record<string, unknown>) {
  const { until } = await forwarding(t, [configured(type, options)], { records: someRecords(3) });
  const seen = await until(({ lastError }) => lastError !== null);
  t.match(seen, { position: 0, deliveredRows: 0, deadLetters: 0 });
  return seen;
}

void test('a web page that answers 200 to anything is not the upstream: no row counts as delivered', async (t) => {
  const pages = [
    answer(200, '<!doctype html><title>Welcome</title>'),
    answer(200, 'Sign in', { 'content-type': 'text/html; charset=utf-8' }),
  ];
  for (const type of ['loki', 'otlp', 'clickhouse', 'elasticsearch', 'regression'] as const) {
    for (const page of pages) {
      const upstream = (await ScriptedUpstream.listen(t)).always(page);
      t.match(
        await complaint(t, type, { url: upstream.url }),
        { state: 'held', lastError: { hint: /url lead to/ } },
        type,
      );
    }
  }
});

void test(
  'an upstream that speaks another protocol, or asks for a certificate that is not given: the hint says what to look at',
  { timeout, skip: find('openssl') === null ? 'openssl is not installed' : false },
  async (t) => {
    const files = await makeCertificates(t);
    const plain = await ScriptedUpstream.listen(t);
    const tls = await ScriptedUpstream.listen(t, {
      cert: pem(files.cert),
      key: pem(files.key),
      ca: pem(files.ca),
      requestCert: true,
    });

    const tlsAtPlain = await complaint(t, 'http', { url: `https://localhost:${plain.port}/in` });
    t.match(tlsAtPlain.lastError, { hint: /http:\/\// });
    t.notMatch(tlsAtPlain.lastError?.message, '\n');
    t.match(await complaint(t, 'http', { url: `http://localhost:${tls.port}/in` }), {
      lastError: { hint: /https:\/\// },
    });
    t.match(await complaint(t, 'http', { url: `https://localhost:${tls.port}/in`, tls: { ca: files.ca } }), {
      lastError: { hint: /tls\.cert/ },
    });
  },
);

void test(
  'PostgreSQL: a password that is not set, TLS that it does not speak, tables that are not there or may not be made',
  { timeout, ...needsPostgres() },
  async (t) => {
    const server = await startPostgres(t, { hba: 'host all app 127.0.0.1/32 scram-sha-256' });
    await server.query(`CREATE USER app PASSWORD 'right'`);
    const url = new URL(server.url);
    t.match(await complaint(t, 'postgres', { url: server.url, tls: {} }), {
      state: 'held',
      lastError: { message: /SSL/, hint: /`tls`/ },
    });
    url.username = 'app';
    t.match(await complaint(t, 'postgres', { url: url.toString() }), {
      state: 'held',
      lastError: { hint: /set the sink's `password`/ },
    });
    t.match(await complaint(t, 'postgres', { url: server.url }), { lastError: { hint: /create_tables/ } });
    await server.query('CREATE ROLE reader LOGIN; REVOKE CREATE ON SCHEMA public FROM public');
    url.username = 'reader';
    const refused = await complaint(t, 'postgres', { url: url.toString(), create_tables: true });
    t.match(refused, { state: 'held', lastError: { hint: /grant it/ } });
    t.notMatch(refused.lastError?.hint, 'create_tables', 'which is set');
  },
);
