import { createServer } from 'node:http';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { type Test, test } from 'tap';
import type { z } from 'zod';
import { bringBack, wouldBringBack } from '../../src/archive/bring-back.ts';
import { signedHeaders } from '../../src/archive/sigv4.ts';
import { takeBackup } from '../../src/backup/take-backup.ts';
import type { Store } from '../../src/store/store.ts';
import { archive } from '../../src/tasks/archive.ts';
import { prune } from '../../src/tasks/prune.ts';
import type { TaskOutcome } from '../../src/tasks/task.ts';
import { ManualClock } from '../manual-clock.ts';
import { aRecord } from '../records.ts';
import { walk } from '../store/store.contract.ts';
import { tempDir } from '../temp-dir.ts';
import {
  archiveDirOf,
  contextOf,
  countRows,
  dataDirOf,
  jobsInThisThread as jobs,
  openInThisThread,
} from './task-place.ts';

const slow = { timeout: 180_000 };
const rowsPerSegment = 50;
const signal = new AbortController().signal;

interface Place {
  readonly dataDir: string;
  readonly archiveDir: string;
  readonly store: Store;
  readonly archive: (options?: Partial<z.input<typeof archive.options>>) => Promise<TaskOutcome>;
  readonly prune: (options: Partial<z.input<typeof prune.options>>) => Promise<TaskOutcome>;
}

/** Three sealed segments, of the 1st, 11th and 21st of November, and rows of the 24th in the hot file; it is the 24th. */
async function place(t: Test): Promise<Place> {
  const root = await tempDir(t);
  const dataDir = dataDirOf(root);
  const archiveDir = archiveDirOf(root);
  mkdirSync(dataDir);
  const store = openInThisThread(dataDir);
  t.teardown(() => store.close());
  for (const day of ['01', '11', '21', '24']) {
    const records = Array.from({ length: rowsPerSegment }, (_, index) =>
      aRecord({ timestamp: `2026-11-${day}T00:00:${String(index).padStart(2, '0')}.000000Z`, message: `day ${day}` }),
    );
    await store.append({ records, positions: [], gaps: [] });
    if (day !== '24') await store.rotate();
  }
  await store.sealed();
  const context = contextOf(store, root, '2026-11-24T12:00:00Z');
  return {
    dataDir,
    archiveDir,
    store,
    archive: (options = {}) => archive.run(context, archive.options.parse({ dir: archiveDir, ...options })),
    prune: (options) => prune.run(context, prune.options.parse(options)),
  };
}

void test('archived rows leave the store and come back whole; live + archived = total (F46)', slow, async (t) => {
  const { archive, dataDir, archiveDir, store } = await place(t);
  const before = (await walk(store, { order: 'arrival' })).map((row) => JSON.stringify(row));

  t.match(await archive({ after: '5d' }), { details: { rows: 100, segments: 2 } });
  t.match(await archive({ after: '5d' }), { details: { rows: 0, segments: 0 } });
  t.strictSame(await countRows(store), { live: 100, removed: 100 });
  t.strictSame(readdirSync(archiveDir).sort(), [
    '000000000001.archive.json',
    '000000000001.sqlite.zst',
    '000000000051.archive.json',
    '000000000051.sqlite.zst',
  ]);
  await store.close();
  const range = { start: '2026-11-01T00:00:00.000000Z', end: '2026-11-02T00:00:00.000000Z' };
  const back = { source: archiveDir, dataDir, nowMs: Date.now(), jobs, progress: () => undefined };
  t.strictSame(await bringBack({ ...back, ...range }), { segments: 1, rows: 50, present: 0 });
  t.strictSame(await bringBack({ ...back, ...range, end: '2027' }), { segments: 1, rows: 50, present: 1 });

  const again = openInThisThread(dataDir);
  t.teardown(() => again.close());
  t.strictSame(
    (await walk(again, { order: 'arrival' })).map((row) => JSON.stringify(row)),
    before,
  );
  await again.sealed();
  t.equal((await again.stats()).unsealedSegments, 0);
});

void test('a span out of a backup brings back what is gone, also what was not yet a segment then', slow, async (t) => {
  const { prune, dataDir, store } = await place(t);
  const directory = join(await tempDir(t), 'backups');
  const clock = new ManualClock('2026-11-24T12:00:00Z');
  const progress = (): void => undefined;
  const backup = await takeBackup({ store, dataDir, directory, clock, jobs, signal, progress });
  await store.append({ records: [aRecord({ timestamp: '2026-11-24T00:02:00.000000Z' })], positions: [], gaps: [] });
  await store.rotate();
  await store.append({ records: [aRecord({ timestamp: '2026-11-24T11:00:00.000000Z' })], positions: [], gaps: [] });
  await store.sealed();
  await prune({ max_age: '2h' });
  t.strictSame(await countRows(store), { live: 1, removed: 201 });
  await store.close();
  const back = { source: backup.directory, dataDir, jobs, progress };
  const days = { start: '2026-11-21T00:00:00.000000Z', end: '2026-11-25T00:00:00.000000Z' };

  t.strictSame(await wouldBringBack({ ...back, ...days }), { segments: 2, rows: 100, present: 0 });
  t.strictSame(readdirSync(join(dataDir, 'segments')), [], 'nothing is changed by asking');
  t.strictSame(await bringBack({ ...back, ...days, nowMs: clock.nowMs() }), { segments: 2, rows: 100, present: 0 });

  const again = openInThisThread(dataDir);
  t.teardown(() => again.close());
  const removed = (await again.state.removedSegments()).filter(({ restoredAt }) => restoredAt === null);
  t.equal((await walk(again, {})).length, 101);
  t.strictSame(
    removed.map(({ firstId, lastId, rows }) => [firstId, lastId, rows]),
    [
      [1, 50, 50],
      [51, 100, 50],
      [201, 201, 1], // came after the backup
    ],
  );
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

void test('segments of another data directory are not brought in under ids that are taken', slow, async (t) => {
  const { archive, archiveDir } = await place(t);
  await archive({ after: '5d' });
  const dataDir = await tempDir(t);
  const other = openInThisThread(dataDir);
  await other.append({ records: Array.from({ length: 70 }, () => aRecord()), positions: [], gaps: [] });
  await other.close();
  const back = { source: archiveDir, nowMs: Date.now(), jobs, progress: () => undefined, start: '2026', end: '2027' };

  await t.rejects(bringBack({ ...back, dataDir }), { code: 'CONFLICT' });

  const fresh = await tempDir(t);
  t.strictSame(await bringBack({ ...back, dataDir: fresh }), { segments: 2, rows: 100, present: 0 });
  const store = openInThisThread(fresh);
  t.teardown(() => store.close());
  t.equal((await walk(store, {})).length, 100, 'a new directory takes any');
});

void test(
  'an archive in NDJSON has the rows as the endpoint prints them, one in Parquet its columns',
  slow,
  async (t) => {
    const { archive, archiveDir } = await place(t);
    await archive({ after: '15d', format: 'ndjson.zst' });
    await archive({ after: '5d', format: 'parquet' });

    const text = zstdDecompressSync(readFileSync(join(archiveDir, '000000000001.ndjson.zst'))).toString();
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: number; message: string });
    t.equal(rows.length, 50);
    t.match(rows[0], { id: 1, severity: 'INFO', application: 'shop', message: 'day 01', metadata: {} });
    const parquet = readFileSync(join(archiveDir, '000000000051.parquet'));
    t.equal(parquet.toString('latin1', 0, 4) + parquet.toString('latin1', parquet.length - 4), 'PAR1PAR1');
  },
);

void test(
  'a segment that was being removed when the process was killed is gone after the next start (F47)',
  slow,
  async (t) => {
    const { dataDir, store, archive, archiveDir } = await place(t);
    const kept = ['db', 'json'].map((end) => readFileSync(join(dataDir, `segments/000000000001.${end}`)));
    await archive({ after: '15d' });
    t.strictSame(await countRows(store), { live: 150, removed: 50 });
    await store.close();
    const { writeFile } = await import('node:fs/promises');
    for (const [index, end] of ['db', 'json'].entries())
      await writeFile(join(dataDir, `segments/000000000001.${end}`), kept[index] ?? '');

    const again = openInThisThread(dataDir);
    t.teardown(() => again.close());

    t.equal((await walk(again, {})).length, 150, 'not live and archived');
    t.notOk(readdirSync(join(dataDir, 'segments')).some((name) => name.startsWith('000000000001')));
    await rm(archiveDir, { recursive: true });
  },
);

void test(
  'files are uploaded with a signature that the other side can check; until then the rows stay',
  slow,
  async (t) => {
    const { archive, archiveDir, store } = await place(t);
    const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
    const stored = new Map<string, Buffer>();
    let refusals = 1;
    const server = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const body = Buffer.concat(chunks);
        const bodySha256 = createHash('sha256').update(body).digest('hex');
        const time = String(request.headers['x-amz-date']);
        const nowMs = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
        const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
        const headers = {
          'content-length': String(body.length),
          'content-type': String(request.headers['content-type']),
        };
        const expected = signedHeaders({
          method: request.method ?? '',
          url,
          headers,
          bodySha256,
          region: 'eu-central-1',
          nowMs,
          credentials: keys,
        });
        const isRight = request.headers.authorization === expected['authorization'];
        if (isRight && refusals-- <= 0) stored.set(url.pathname, body);
        response.writeHead(isRight ? (stored.has(url.pathname) ? 200 : 503) : 403).end('told');
      })();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const upload = {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/bucket/logs/`,
      region: 'eu-central-1',
      access_key_id: keys.accessKeyId,
      secret_access_key: keys.secretAccessKey,
    };

    await t.rejects(archive({ after: '15d', upload }), { code: 'UPLOAD_FAILED' });
    t.strictSame(await countRows(store), { live: 200, removed: 0 });
    await archive({ after: '15d', upload });

    t.strictSame(await countRows(store), { live: 150, removed: 50 });
    const file = readFileSync(join(archiveDir, '000000000001.sqlite.zst'));
    t.ok(stored.get('/bucket/logs/000000000001.sqlite.zst')?.equals(file));
    await t.rejects(archive({ after: '5d', upload: { ...upload, secret_access_key: 'wrong' } }), {
      code: 'UPLOAD_FAILED',
    });
  },
);
