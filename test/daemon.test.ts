import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { startDaemon } from './start-daemon.ts';
import { tempDir } from './temp-dir.ts';

void test(
  'a damaged database file makes health degraded, not red, until it is moved away; metrics keep it (F44)',
  { timeout: 120_000 },
  async (t) => {
    const dataDir = await tempDir(t);
    writeFileSync(join(dataDir, 'regression.db'), 'this is a text, not a database\n'.repeat(100));
    const { url, client } = await startDaemon(t, dataDir);
    const ready = async (): Promise<[number, any]> => {
      const response = await fetch(`${url}/health/ready`);
      return [response.status, await response.json()];
    };

    const [status, health] = await ready();
    t.equal(status, 200);
    t.equal(health.status, 'degraded');
    t.match(health.parts, [
      {},
      { name: 'history', ok: true, warning: /corrupt-\d+T\d+Z.*no SQLite database.*unknown number/ },
    ]);
    const [damage] = (await client.inputs({})).store_damage;
    t.match(damage, { lost_rows: null, set_aside_as: /corrupt-/ });
    rmSync(damage?.set_aside_as ?? '');
    t.equal((await ready())[1].status, 'ok');
    const metrics = await (await fetch(`${url}/metrics`)).text();
    t.match(metrics, /regression_store_damaged_files 1\n/);
    t.match(metrics, /regression_store_lost_records 0\n/);
  },
);

void test('each of several file inputs counts its own files', { timeout: 120_000 }, async (t) => {
  const directory = await tempDir(t);
  for (const name of ['a1.log', 'a2.log', 'b1.log']) writeFileSync(join(directory, name), 'a line\n');
  const input = (glob: string) => ({ type: 'file', include: [join(directory, glob)] });
  const inputs = [{ ...input('a*.log'), name: 'app' }, input('b*.log'), input('c*.log')];
  const { url } = await startDaemon(t, join(directory, 'data'), inputs);

  const metrics = await (await fetch(`${url}/metrics`)).text();

  t.match(metrics, /regression_input_files\{input="app"\} 2\n/);
  t.match(metrics, /regression_input_files\{input="file"\} 1\n/);
  t.match(metrics, /regression_input_files\{input="file-2"\} 0\n/);
});
