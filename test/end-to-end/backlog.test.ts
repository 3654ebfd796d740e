/**
 * F58: a backlog of a day, 10 GiB in segments, and a daemon that is killed in front of it: the start reads next to nothing of it, and all of
 * it is delivered.
 *
 * The files are as long as they would be, and hold holes where most of the rows would be: what a start must not do is read them, holes or
 * not. What a start takes in seconds is in bench/README.md.
 */
import { mkdir, readFile, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import type { SegmentManifest } from '../../src/store/segments.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { clientOf, startDaemon, writeConfig } from '../daemon-process.ts';
import { someRecords } from '../records.ts';
import { ScriptedUpstream, answer, rowsIn } from '../sinks/scripted-upstream.ts';
import { tempDir } from '../temp-dir.ts';

const MiB = 1024 * 1024;
/** As long as `tasks.rotate.max_size` makes them. */
const segmentBytes = 128 * MiB;
const segments = 80;
const rowsPerSegment = 100;
const rows = segments * rowsPerSegment;

/** Sealed segments of `segmentBytes` each, and a hot file that waits for its first row. */
async function makeBacklog(dataDir: string): Promise<void> {
  await mkdir(dataDir);
  const store = new SqliteStore(join(dataDir, 'regression.db'));
  for (let segment = 0; segment < segments; segment++) {
    await store.append({ records: someRecords(rowsPerSegment), positions: [], gaps: [] });
    await store.rotate();
    await store.sealed();
  }
  await store.close();
  const directory = join(dataDir, 'segments');
  for (const name of (await readdir(directory)).filter((file) => file.endsWith('.json'))) {
    const path = join(directory, name);
    const manifest = JSON.parse(await readFile(path, 'utf8')) as SegmentManifest;
    await writeFile(path, JSON.stringify({ ...manifest, bytes: segmentBytes }));
    await truncate(path.replace('.json', '.db'), segmentBytes);
  }
}

/** Of all its threads, from files and sockets. proc(5), /proc/pid/io. */
async function bytesRead(pid: number): Promise<number> {
  return Number(/^rchar: (\d+)/m.exec(await readFile(`/proc/${pid}/io`, 'utf8'))?.[1]);
}

const skip = process.platform === 'linux' ? false : 'bytes read are counted by /proc';

void test(
  'F58: a start before a backlog of 10 GiB reads no more of it than its manifests, and all of it is delivered in order',
  { timeout: 390_000, skip },
  async (t) => {
    const directory = await tempDir(t);
    const dataDir = join(directory, 'data');
    const upstream = (await ScriptedUpstream.listen(t)).always(answer(503));
    const config = await writeConfig(
      directory,
      [join(directory, 'app.log')],
      `sinks: [{ type: http, url: '${upstream.url}', batch_rows: 1000 }]`,
    );
    await makeBacklog(dataDir);
    const logical = await Promise.all(
      (await readdir(join(dataDir, 'segments'))).map(
        async (name) => (await stat(join(dataDir, 'segments', name))).size,
      ),
    );
    t.ok(logical.reduce((sum, size) => sum + size, 0) >= 10 * 1024 * MiB);

    const startedAtMs = performance.now();
    const first = startDaemon(t, ['--config', config]);
    let client = await clientOf(await first.started);
    const read = await bytesRead(first.pid);
    t.comment(`started in ${Math.round(performance.now() - startedAtMs)} ms, ${Math.round(read / MiB)} MiB read`);
    t.ok(read < segmentBytes / 2, `${read} bytes were read: less than half a segment, the program itself included`);
    const sink = async () => (await client.sinks()).sinks[0];
    t.match(await sink(), { position: 0, lag_rows: rows });
    t.equal((await sink())?.lag_bytes, segments * segmentBytes, 'the hot file has no rows');

    // Killed once more in the middle of it.
    upstream.always(answer(200));
    while (((await sink())?.position ?? 0) < rows / 2) await new Promise((resolve) => setTimeout(resolve, 10));
    await first.kill('SIGKILL');
    const second = startDaemon(t, ['--config', config]);
    client = await clientOf(await second.started);
    while ((await sink())?.position !== rows) await new Promise((resolve) => setTimeout(resolve, 10));

    // What was refused at first, and what a kill cut off, came again under its key.
    const byKey = new Map(upstream.received.map((received) => [received.headers['idempotency-key'], received]));
    t.same(
      rowsIn([...byKey.values()]).map(({ id }) => id),
      Array.from({ length: rows }, (_, index) => index + 1),
    );
  },
);
