/** A daemon whose data lie on a disk that really runs full: a small tmpfs, not an injected error. */
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'tap';
import { needsSmallDisk, smallDisk } from '../small-disk.ts';
import { startDaemon } from '../start-daemon.ts';
import { storedMessages } from '../stored-messages.ts';
import { tempDir } from '../temp-dir.ts';
import { openDatabases } from './open-sqlite.ts';

const MiB = 1024 * 1024;
const diskBytes = 48 * MiB;
/** What is left for the store beside the ballast: its empty file and a part of the rows. */
const roomBytes = 4 * MiB;
const lines = 8_000;
const line = (index: number): string => `line ${index} ${'x'.repeat(500)}`;

void test(
  'a disk that runs full stops reading and turns health red; once there is room every line is stored, once (F38)',
  { ...needsSmallDisk(), timeout: 240_000 },
  async (t) => {
    const directory = await tempDir(t);
    const dataDir = join(directory, 'disk');
    smallDisk(t, dataDir, diskBytes);
    const ballast = join(dataDir, 'ballast');
    writeFileSync(ballast, Buffer.alloc(diskBytes - roomBytes, 1));
    const log = join(directory, 'app.log');
    writeFileSync(log, Array.from({ length: lines }, (_, index) => `${line(index)}\n`).join(''));
    const started = (): ReturnType<typeof startDaemon> =>
      startDaemon(t, dataDir, [{ type: 'file', include: [log], format: 'plain', from: 'beginning' }], {
        store: { queue_bytes: MiB, min_free: 0 },
      });
    let { daemon, url, client } = await started();
    const untilHealth = async (wanted: number): Promise<any> => {
      for (;;) {
        const response = await fetch(`${url}/health/ready`);
        const health = await response.json();
        if (response.status === wanted) return health;
        await delay(20);
      }
    };

    const health = await untilHealth(503);
    t.equal(health.status, 'not_ready');
    t.match(health.parts[0], { name: 'store', ok: false, reason: /disk is full/ });
    const [file] = (await client.inputs({})).files;
    // What is read and not stored is bounded by the queue: the rest of the file waits where it is.
    t.ok((file?.unread_bytes ?? 0) > MiB / 2, `${file?.unread_bytes} bytes are not read`);
    const storedWhileFull = (await storedMessages(client)).length;
    t.ok(storedWhileFull < lines, `${storedWhileFull} lines are stored, and can be asked for`);
    t.comment(`${storedWhileFull} lines on the full disk, ${statfsSync(dataDir).bavail} blocks free`);

    await daemon.stop();
    ({ daemon, url, client } = await started());
    t.ok((await storedMessages(client)).length >= storedWhileFull, 'a start on the full disk answers too');
    await untilHealth(503);

    rmSync(ballast);
    await untilHealth(200);
    while ((await client.inputs({})).generations[0]?.rows !== lines) await delay(20);

    const messages = await storedMessages(client);
    t.equal(messages.length, lines);
    t.equal(
      messages.findIndex((message, index) => message !== line(index)),
      -1,
      'each line once, in order',
    );
    await daemon.stop();
    for (const database of openDatabases(t, dataDir))
      t.strictSame(database.all('PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
  },
);

void test(
  'a disk is not filled to its end: what store.min_free leaves is for others, and the rows wait until there is more',
  { ...needsSmallDisk(), timeout: 240_000 },
  async (t) => {
    const directory = await tempDir(t);
    const dataDir = join(directory, 'disk');
    smallDisk(t, dataDir, diskBytes);
    const ballast = join(dataDir, 'ballast');
    writeFileSync(ballast, Buffer.alloc(diskBytes - 2 * roomBytes, 1));
    const log = join(directory, 'app.log');
    // Rows of more than the room, however little the log beside them takes.
    const many = 4 * lines;
    writeFileSync(log, Array.from({ length: many }, (_, index) => `${line(index)}\n`).join(''));
    const input = { type: 'file', include: [log], format: 'plain', from: 'beginning' };
    const { url, client } = await startDaemon(t, dataDir, [input], { store: { batch_rows: 500 } });
    const health = async (): Promise<any> => (await fetch(`${url}/health/ready`)).json();
    while ((await health()).status !== 'not_ready') await delay(20);

    t.match((await health()).parts[0], {
      reason: /^the disk has \d MiB left; 3 MiB are for others \(store\.min_free\)$/,
    });
    const { bavail, bsize } = statfsSync(dataDir);
    t.ok(bavail * bsize > MiB, `${bavail * bsize} bytes are left`);
    t.ok((await storedMessages(client)).length < many, 'the others wait');
    rmSync(ballast);
    while ((await client.inputs({})).generations[0]?.rows !== many) await delay(50);
    t.equal((await storedMessages(client)).length, many);
    t.equal((await health()).status, 'ok');
  },
);
