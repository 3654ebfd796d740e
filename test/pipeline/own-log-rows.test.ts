import { test } from 'tap';
import { Writable } from 'node:stream';
import { OwnLogRows, maxWaiting } from '../../src/pipeline/own-log-rows.ts';
import type { LogRecord } from '../../src/record/log-record.ts';
import { OwnLog } from '../../src/runtime/logger.ts';
import { createMetrics } from '../../src/runtime/metrics.ts';
import { configSchema } from '../../src/config/schema.ts';
import { startDaemon } from '../start-daemon.ts';
import { tempDir } from '../temp-dir.ts';

const entry = (msg: string) => ({ time: '2026-11-24T03:00:00.123Z', level: 40, msg });

void test('entries wait while rows are committed, so many at most; what does not fit is counted', async (t) => {
  const metrics = createMetrics();
  const commits: (readonly LogRecord[])[] = [];
  let release = Promise.withResolvers<void>();
  const commit = (records: readonly LogRecord[]): Promise<void> => {
    commits.push(records);
    return release.promise;
  };
  const rows = new OwnLogRows({ commit, version: '1', metrics });
  rows.take(entry('first'));
  await Promise.resolve();
  for (let count = 0; count < maxWaiting + 5; count++) rows.take(entry(`entry ${count}`));

  const { values } = await metrics.dropped.get();
  t.match(values, [{ value: 5, labels: { input: 'own_log', reason: 'queue_full' } }]);
  const { resolve } = release;
  release = Promise.withResolvers<void>();
  resolve();
  while (commits.length < 2) await Promise.resolve();
  t.strictSame(
    commits.map(({ length }) => length),
    [1, maxWaiting],
  );
  t.match(commits[0]?.[0], { timestamp: '2026-11-24T03:00:00.123000Z', severity: 'WARN', message: 'first' });
  release.resolve();
});

void test(
  "with `log.rows` the daemon's own log can be asked for like any other; a reload begins and ends it",
  { timeout: 120_000 },
  async (t) => {
    const dataDir = await tempDir(t);
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    const ownLog = new OwnLog({ level: 'info', output: nowhere });
    const configOf = (rows: boolean) =>
      configSchema.parse({ data_dir: dataDir, inputs: [], server: { listen: '127.0.0.1:0' }, log: { rows } });
    let config = configOf(true);
    const options = { config, load: async () => config, logger: ownLog.logger, ownLog, version: '1.2' };
    const { client } = await startDaemon(t, dataDir, [], {}, options);
    const logged = async () => (await client.logs({ source: 'log', application: 'regression' })).rows;
    const err = Object.assign(new Error('full'), { code: 'ENOSPC' });

    ownLog.logger.warn({ err, hint: 'Make room.', files: 3 }, 'something is wrong');
    while ((await logged()).length === 0);
    t.match(await logged(), [
      {
        severity: 'WARN',
        application: 'regression',
        version: '1.2',
        message: 'something is wrong',
        metadata: { hint: 'Make room.', files: '3', 'error.code': 'ENOSPC', 'error.message': 'full' },
      },
    ]);
    config = configOf(false);
    t.strictSame((await client.reload()).applied, ['log.rows']);
    ownLog.logger.warn('not stored');
    await client.reload(); // audited: a row that is stored behind it
    t.notOk((await logged()).some(({ message }) => message === 'not stored'));
  },
);
