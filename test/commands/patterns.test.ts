/** `regression patterns` and `regression digest` as they are typed: what they print, as text and as JSON, and how they end. */
import { type Test, test } from 'tap';
import { PatternMiner } from '../../src/pattern/miner.ts';
import { digestSchema, patternSchema } from '../../src/query/pattern-schemas.ts';
import { openStore } from '../../src/store/remote-store.ts';
import { aRecord, someRecords } from '../records.ts';
import { memoryDir } from '../temp-dir.ts';
import { regressionHere } from './in-process.ts';

async function shop(t: Test) {
  const dataDir = await memoryDir(t);
  const mail = { name: 'mail', version: '7', environment: null };
  const records = [
    ...someRecords(120),
    ...someRecords(5, { message: 'disk full', severity: 'ERROR' }),
    aRecord({ application: mail, message: 'bounced \u0007 at once', severity: 'WARN' }),
  ];
  const miner = new PatternMiner({ maxPatterns: 1000, maxPatternsPerApplication: 1000 });
  const store = await openStore({ dataDir });
  await store.append({ records, positions: [], gaps: [], patterns: miner.observe(records) });
  await store.close();
  return (...args: string[]) => regressionHere([...args, '--data-dir', dataDir], dataDir);
}

void test('patterns and digests are printed for people and for programs', { timeout: 240_000 }, async (t) => {
  const regression = await shop(t);

  await t.test('patterns as a table, most frequent first, with a histogram', async (t) => {
    const { code, stdout, stderr } = await regression('patterns', '--limit', '2');

    const lines = stdout.split('\n');
    t.equal(code, 0);
    t.match(lines[0], /^id +count +severity +application +over time +pattern$/);
    t.match(lines[1], /^[0-9a-f]{16} +120 +INFO +shop +██ +row <\*>$/);
    t.match(lines[2], /^[0-9a-f]{16} +5 +ERROR +shop +█ +disk full$/);
    t.match(stderr, '3 patterns in all; see --limit');
  });

  await t.test('patterns by severity and application, without control characters for the terminal', async (t) => {
    const { stdout } = await regression('patterns', '--severity', 'warn', '--application', 'mail');

    t.match(stdout, 'bounced \\x07 at once');
    t.notMatch(stdout, 'disk full');
  });

  await t.test('patterns as JSON are one object a line, as the API documents it', async (t) => {
    const { code, stdout } = await regression('patterns', '--sort', 'rare', '--json');

    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    t.equal(code, 0);
    t.ok(rows.every((row) => patternSchema.safeParse(row).success));
    t.match(rows, [{ application: 'mail' }, { template: 'disk full' }, { template: 'row <*>' }]);
  });

  await t.test('a digest as Markdown within its budget', async (t) => {
    const { code, stdout } = await regression('digest', '--application', 'shop', '--tokens', '600');

    t.equal(code, 0);
    t.match(
      stdout,
      /^# Logs from 2026-11-24T03:00:00\.000000Z to 2026-11-24T03:02:00\.000000Z\n\n125 records, 2 patterns/,
    );
    t.match(stdout, '**5** ERROR `shop` (`2.3.1`) `disk full`');
    t.ok(Buffer.byteLength(stdout) <= 1800);
  });

  await t.test('a digest as JSON, as the API documents it', async (t) => {
    const { code, stdout } = await regression('digest', '--json');

    t.equal(code, 0);
    t.equal(digestSchema.safeParse(JSON.parse(stdout)).success, true);
  });

  await t.test('a span in which nothing was logged is no failure', async (t) => {
    const digest = await regression('digest', '--start', '2020-01-01', '--end', '2020-01-02');
    const patterns = await regression('patterns', '--start', '2020-01-01', '--end', '2020-01-01', '--json');

    t.match(digest, { code: 0, stdout: /^# Logs from 2020-01-01T00:00:00\.000000Z to .*\n\n0 records, 0 patterns\. / });
    t.match(patterns, { code: 0, stdout: '' });
  });

  await t.test('what cannot be asked ends with its exit code and says what can', async (t) => {
    t.match(await regression('digest', '--tokens', '100'), { code: 2, stderr: /tokens/ });
    t.match(await regression('patterns', '--sort', 'loud'), { code: 2, stderr: /burst/ });
    t.match(await regression('patterns', '--start', '2026-11-24', '--end', '2026-11-23'), {
      code: 2,
      stderr: /before/,
    });
    t.match(await regression('compare'), { code: 2, stderr: /baseline/ });
  });
});
