/** `pattern` as a filter: from a pattern to its rows, in the hot file and in sealed segments. */
import { test } from 'tap';
import { PatternMiner } from '../../src/pattern/miner.ts';
import { openStore } from '../../src/store/remote-store.ts';
import { aRecord } from '../records.ts';
import { memoryDir } from '../temp-dir.ts';
import { minedStore } from './mined-store.ts';
import { serve } from './serve.ts';

const users = ['root', 'admin', 'guest', 'jane'];
const till = { name: 'till', version: '1', environment: null };
const records = [
  ...users.map((user) => aRecord({ message: `login of user ${user} failed after 12 ms`, severity: 'ERROR' })),
  aRecord({ message: 'login of user wei failed after 7 ms' }),
  aRecord({ message: 'login of user wei failed after all tries' }),
  aRecord({ message: 'LOGIN of user wei failed after 7 ms' }),
  aRecord({ message: 'disk 7 is full' }),
  aRecord({ message: 'disk 9 is full', application: till }),
];

void test('a pattern leads to its rows, and so does every pattern that has become part of it', async (t) => {
  const { client, get } = await serve(t, { store: await minedStore(records) });
  const { patterns } = await client.patterns();
  const logins = patterns.find(({ template }) => template === 'login of user <*> failed after <*>')?.id ?? '';
  const miner = new PatternMiner({ maxPatterns: 100, maxPatternsPerApplication: 100 });
  const alias = miner.observe(records.slice(0, 1))?.added[0]?.id ?? '';
  const rowsOf = async (query: Parameters<typeof client.logs>[0]) =>
    (await client.logs({ ...query, order: 'arrival' })).rows;
  const expected = records.slice(0, 5).map(({ message }) => message);

  t.strictSame(
    (await rowsOf({ pattern: logins })).map(({ message }) => message),
    expected,
  );
  t.strictSame(
    (await rowsOf({ pattern: alias })).map(({ message }) => message),
    expected,
  );
  t.equal((await rowsOf({ q: `pattern:${logins} severity:>=error` })).length, 4);
  t.equal((await rowsOf({ q: `-pattern:${logins} login` })).length, 2);
  t.equal((await client.hits({ pattern: logins, start: '2026-11-24' })).hits[0]?.total, 5);
  const disk = patterns.find(({ template, application }) => template.startsWith('disk') && application === 'till')?.id;
  t.equal((await rowsOf({ pattern: disk })).length, 2, 'two applications say it');
  t.equal((await rowsOf({ pattern: disk, application: 'till' })).length, 1);
  t.match((await get('/api/v1/logs?pattern=0123456789abcdef')).json, { code: 'QUERY_INVALID', detail: /no pattern/ });
  t.equal((await get('/api/v1/logs?pattern=disk')).status, 400);
  t.equal((await rowsOf({ q: 'pattern:disk' })).length, 0, 'any other value is one of a metadata key');
});

void test('sealed segments answer as the hot file does', { timeout: 120_000 }, async (t) => {
  const store = await openStore({ dataDir: await memoryDir(t) });
  t.teardown(() => store.close());
  const miner = new PatternMiner({ maxPatterns: 100, maxPatternsPerApplication: 100 });
  const append = () => store.append({ records, positions: [], gaps: [], patterns: miner.observe(records) });
  await append();
  await store.rotate();
  await store.sealed();
  await append();
  const { client } = await serve(t, { store });
  const { patterns } = await client.patterns();

  for (const { id, application, count } of patterns) {
    const { rows } = await client.logs({ pattern: id, application, limit: 100 });
    t.equal(rows.length, count, 'as many rows as were counted');
  }
});

void test('the digest names the question for the rows of each pattern', async (t) => {
  const { client, get } = await serve(t, { store: await minedStore(records) });

  const { text } = await client.digest();
  const links = [...text.matchAll(/GET (\/api\/v1\/logs\?pattern=\w+)/g)].map(([, link = '']) => link);

  t.ok(links.length > 0);
  for (const link of links) t.ok((await get(link)).json.rows.length > 0, link);
});
