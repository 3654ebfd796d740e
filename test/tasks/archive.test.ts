import { readFileSync, readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { test } from 'tap';
import { bringBack, wouldBringBack } from '../../src/archive/bring-back.ts';
import type { LogRow } from '../../src/search/request.ts';
import { archiveFormats } from '../../src/store/archive-format.ts';
import { place, rowsPerSegment, sorted } from '../archive/archive-place.ts';
import { runInProcess } from '../run-in-process.ts';
import { walk } from '../store/store.contract.ts';
import { countRows, jobsInThisThread as jobs, openInThisThread } from './task-place.ts';

const slow = { timeout: 180_000 };

for (const format of archiveFormats) {
  void test(
    `rows archived as ${format} leave the store and come back whole, under their ids; live + archived = total (F46)`,
    slow,
    async (t) => {
      const { archive, dataDir, archiveDir, store } = await place(t);
      const before = (await walk(store, { order: 'arrival' })).map((row) => JSON.stringify(sorted(row)));

      t.match(await archive({ after: '5d', format }), { details: { rows: 100, segments: 2 } });
      t.match(await archive({ after: '5d', format }), { details: { rows: 0, segments: 0 } });
      t.strictSame(await countRows(store), { live: 100, removed: 100 });
      t.strictSame(readdirSync(archiveDir).sort(), [
        '000000000001.archive.json',
        `000000000001.${format}`,
        '000000000051.archive.json',
        `000000000051.${format}`,
      ]);
      await store.close();
      const range = { start: '2026-11-01T00:00:00.000000Z', end: '2026-11-02T00:00:00.000000Z' };
      const back = { source: archiveDir, dataDir, nowMs: Date.now(), jobs, progress: () => undefined };
      t.strictSame(await wouldBringBack({ ...back, ...range }), { segments: 1, rows: 50, present: 0 });
      t.strictSame(await bringBack({ ...back, ...range }), { segments: 1, rows: 50, present: 0 });
      t.strictSame(await bringBack({ ...back, ...range, end: '2027' }), { segments: 1, rows: 50, present: 1 });

      const again = openInThisThread(dataDir);
      t.teardown(() => again.close());
      t.strictSame(
        (await walk(again, { order: 'arrival' })).map((row) => JSON.stringify(sorted(row))),
        before,
      );
      const sql = `SELECT app_version, count(*) FROM logs_metadata JOIN logs ON logs.id = log_id
        JOIN applications ON applications.id = application_id WHERE name = 'odd' GROUP BY 1`;
      const answer = await again.sql({ sql, maxRows: 10, maxBytes: 1000 }, { deadlineMs: 10_000 });
      t.strictSame(answer.rows, [['1.0', 48]], 'joined by the ids of this store');
      await again.sealed();
      t.equal((await again.stats()).unsealedSegments, 0);
    },
  );
}

void test('`import` reads an archive in NDJSON as new rows, of the same applications and times', slow, async (t) => {
  const { archive, archiveDir, dataDir, store } = await place(t);
  const before = (await walk(store, { order: 'arrival' })).slice(0, rowsPerSegment);
  await archive({ after: '15d', format: 'ndjson.zst' });
  await store.close();

  const env = { REGRESSION_DATA_DIR: dataDir };
  const outcome = await runInProcess(['import', join(archiveDir, '000000000001.ndjson.zst')], { env });

  t.match(outcome, { error: null, stdout: /^imported 50 rows/ });
  const again = openInThisThread(dataDir);
  t.teardown(() => again.close());
  const imported = (await walk(again, { order: 'arrival' })).filter(({ id }) => id > 4 * rowsPerSegment);
  const known = ({ timestamp, severity, application, version, environment, message }: LogRow) =>
    JSON.stringify({ timestamp, severity, application, version, environment, message });
  t.strictSame(imported.map(known), before.map(known));
  for (const [index, row] of imported.entries()) {
    const { id, source, metadata } = before[index] ?? imported[0] ?? row;
    t.strictSame(sorted(row).metadata, sorted({ ...row, metadata: { ...metadata, id: String(id), source } }).metadata);
  }
});

void test(
  'a segment is not taken for one archived under the same ids by another store, or before a restore',
  slow,
  async (t) => {
    const first = await place(t);
    const second = await place(t);
    const { archiveDir } = first;
    await first.archive({ after: '5d' });

    t.match(await second.archive({ after: '15d', dir: archiveDir }), { details: { rows: 50 } });

    t.strictSame(readdirSync(archiveDir).sort(), [
      '000000000001-2.archive.json',
      '000000000001-2.sqlite.zst',
      '000000000001.archive.json',
      '000000000001.sqlite.zst',
      '000000000051.archive.json',
      '000000000051.sqlite.zst',
    ]);
    await second.store.close();
    const back = { source: archiveDir, dataDir: second.dataDir, nowMs: Date.now(), jobs, progress: () => undefined };
    const range = { start: '2026-11-01T00:00:00.000000Z', end: '2026-11-02T00:00:00.000000Z' };
    t.match(await bringBack({ ...back, ...range }), { segments: 1, rows: 50 }, 'the one that was archived last');
  },
);

void test('an archive in NDJSON has the rows as the endpoint prints them', slow, async (t) => {
  const { archive, archiveDir, store } = await place(t);
  const rows = (await walk(store, { order: 'arrival' })).slice(0, rowsPerSegment);

  await archive({ after: '15d', format: 'ndjson.zst' });

  const text = zstdDecompressSync(readFileSync(join(archiveDir, '000000000001.ndjson.zst'))).toString();
  t.strictSame(
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    rows,
  );
});

void test(
  'a segment that was being removed when the process was killed is gone after the next start (F47)',
  slow,
  async (t) => {
    const { dataDir, store, archive, archiveDir } = await place(t);
    const kept = ['db', 'json'].map((end) => readFileSync(join(dataDir, `segments/000000000001.${end}`)));
    await archive({ after: '15d' });
    t.strictSame(await countRows(store), { live: 150, removed: 50 });
    await store.close();
    for (const [index, end] of ['db', 'json'].entries())
      await writeFile(join(dataDir, `segments/000000000001.${end}`), kept[index] ?? '');

    const again = openInThisThread(dataDir);
    t.teardown(() => again.close());

    t.equal((await walk(again, {})).length, 150, 'not live and archived');
    t.notOk(readdirSync(join(dataDir, 'segments')).some((name) => name.startsWith('000000000001')));
    await rm(archiveDir, { recursive: true });
  },
);
