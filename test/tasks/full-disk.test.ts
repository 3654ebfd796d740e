/** The order of sacrifice on a disk that is really nearly full: a small tmpfs, and a daemon that is asked to prune. */
import { rmSync, statSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { listBackups } from '../../src/backup/manifest.ts';
import { openStore } from '../../src/store/remote-store.ts';
import { someRecords } from '../records.ts';
import { needsSmallDisk, smallDisk } from '../small-disk.ts';
import { startDaemon } from '../start-daemon.ts';
import { tempDir } from '../temp-dir.ts';

const MiB = 1024 * 1024;
const rowsPerSegment = 200;
const minFree = 8 * MiB;
/** What the daemon may write of its own between a look at the disk and the next. */
const slack = MiB / 4;

void test(
  'nearly full: old backups go, then what nobody waits for, then what is held, each only as far as needed, all counted (F59)',
  { ...needsSmallDisk(), timeout: 240_000 },
  async (t) => {
    const directory = await tempDir(t);
    const disk = join(directory, 'disk');
    smallDisk(t, disk, 96 * MiB);
    const dataDir = join(disk, 'data');
    const backupDir = join(disk, 'backups');
    const records = someRecords(rowsPerSegment, { message: 'x'.repeat(10_000) });
    const store = await openStore({ dataDir });
    for (let segment = 0; segment < 3; segment++) {
      await store.append({ records, positions: [], gaps: [] });
      await store.rotate();
    }
    await store.append({ records, positions: [], gaps: [] });
    await store.sealed();
    await store.close();
    const tasks = {
      backup: { schedule: 'off', dir: backupDir, keep: { count: 10 } },
      prune: { min_free: minFree, schedule: '0 0 1 1 *' },
    };
    const { client, url } = await startDaemon(t, dataDir, [], { tasks });
    await client.createConsumer('job', { from: 'beginning' });
    const { batch, row_count: pulled } = await client.pull('job', { max_rows: rowsPerSegment + 1, max_bytes: 8 * MiB });
    t.equal(pulled, rowsPerSegment + 1);
    await client.ack('job', batch ?? '');
    for (let night = 1; night <= 4; night++) {
      await client.runTask('backup');
      if (night === 2) await client.runTask('verify');
    }
    const backups = async (): Promise<readonly string[]> =>
      (await listBackups(backupDir)).map(({ manifest }) => manifest.name);
    const made = await backups();
    const [first = '', proven, third = '', newest] = made;
    const free = (): number => {
      const { bavail, bsize } = statfsSync(disk);
      return bavail * bsize;
    };
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, '');
    /** Takes so much of the disk that `missing` bytes of `min_free` are not there. */
    const pruneMissing = async (missing: number) => {
      truncateSync(ballast, 0);
      writeFileSync(ballast, Buffer.alloc(free() - minFree + missing, 1));
      return (await client.runTask('prune')).details;
    };
    const segments = async (): Promise<number> => (await client.store()).segments;
    const ownBytes = (name: string): number => statSync(join(backupDir, name, 'regression.db')).size;

    t.match(await pruneMissing(-slack), { backups: 0, segments: 0 }, 'there is enough');
    t.match(await pruneMissing(slack), { backups: 1, segments: 0 });
    t.strictSame(await backups(), made.slice(1), 'the oldest backup, and no more');
    t.ok(ownBytes(third) > slack && free() >= minFree, `${first} has made room`);
    t.match(await pruneMissing(ownBytes(third) + slack), { backups: 1, segments: 1, held_rows: 0 });
    t.strictSame(await backups(), [proven, newest], 'the proven one and the newest stay');
    t.equal(await segments(), 2, 'one that nobody waits for');
    t.match(await pruneMissing(slack), { backups: 0, segments: 1, rows: rowsPerSegment, held_rows: rowsPerSegment });
    t.match(await pruneMissing(minFree - MiB), { backups: 0, segments: 1, held_rows: rowsPerSegment });
    t.strictSame(await backups(), [proven, newest]);

    const metrics = await (await fetch(`${url}/metrics`)).text();
    t.match(metrics, `regression_store_rows_removed_total{reason="disk_full"} ${3 * rowsPerSegment}`);
    const { rows: live } = await client.logs({ application: 'shop', limit: 1000, order: 'arrival' });
    t.strictSame([live.length, live[0]?.id], [rowsPerSegment, 3 * rowsPerSegment + 1], 'the file being written stays');
    t.match(await client.pull('job', { max_rows: 1 }), {
      gap: { first_id: rowsPerSegment + 2, last_id: 3 * rowsPerSegment },
      rows: [{ id: 3 * rowsPerSegment + 1 }],
    });
    rmSync(ballast);
    // One row is the daemon's own, of who made the consumer.
    t.match(
      await client.runTask('verify'),
      { details: { rows: 4 * rowsPerSegment + 1 } },
      'what went is in the backup',
    );
  },
);
