import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { t as file, test, type Test } from 'tap';
import type { Damage } from '../../../src/store/damage.ts';
import { openStore } from '../../../src/store/remote-store.ts';
import { defaultLimits } from '../../../src/store/store-limits.ts';
import type { SegmentManifest } from '../../../src/store/segments.ts';
import type { Store } from '../../../src/store/store.ts';
import { openHotFile } from '../../../src/store/thread/hot-file.ts';
import { Sqlite } from '../../../src/store/thread/sqlite.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { aPosition, someRecords } from '../../records.ts';
import { tempDir } from '../../temp-dir.ts';
import { walk } from '../store.contract.ts';

const rows = 3000;

/** A data directory with a segment of 10 rows and `rows` rows in the hot file; nobody has it open. */
async function filled(t: Test): Promise<{ dataDir: string; path: string }> {
  const dataDir = await tempDir(t);
  cpSync(await (template ??= fill()), dataDir, { recursive: true });
  return { dataDir, path: join(dataDir, 'regression.db') };
}

let template: Promise<string> | undefined;

/** Done once; every test gets a copy. */
async function fill(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'regression-test-'));
  file.teardown(() => rmSync(dataDir, { recursive: true }));
  const store = await openStore({ dataDir });
  await store.append({ records: someRecords(10), positions: [], gaps: [] });
  await store.rotate();
  await store.append({
    records: someRecords(rows, { metadata: [['k', 'v'.repeat(400)]] }),
    positions: [aPosition({ offset: 7 })],
    gaps: [],
  });
  await store.close();
  return dataDir;
}

async function reopened(t: Test, dataDir: string): Promise<{ store: Store; damages: Damage[] }> {
  const damages: Damage[] = [];
  const store = await openStore({ dataDir, onDamage: (damage) => damages.push(damage) });
  t.teardown(() => store.close());
  return { store, damages };
}

/** Bytes of `path` from `offset` on are replaced. */
function overwrite(path: string, offset: number, bytes: Uint8Array): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, bytes, 0, bytes.length, offset);
  closeSync(descriptor);
}

const pageBytes = 16384;

/** The number of the first page that holds this text. */
function pageWith(path: string, text: string): number {
  return Math.floor(readFileSync(path).indexOf(text) / pageBytes);
}

const damagings: Readonly<Record<string, { damage: (path: string) => void; reason: RegExp; isCountable: boolean }>> = {
  'a damaged page among the rows': {
    damage: (path) => overwrite(path, pageWith(path, 'row 1500') * pageBytes, Buffer.alloc(64, 0xff)),
    reason: /damaged/,
    isCountable: true,
  },
  'a damaged page of an index': {
    damage: (path) =>
      overwrite(path, pageWith(path, '2026-11-24T03:00:00.000000Z') * pageBytes, Buffer.alloc(16, 0xff)),
    reason: /damaged/,
    isCountable: true,
  },
  'a truncated file': {
    damage: (path) => truncateSync(path, Math.floor(readFileSync(path).length / pageBytes / 2) * pageBytes + 100),
    reason: /damaged/,
    isCountable: true,
  },
  'an empty file': { damage: (path) => truncateSync(path, 0), reason: /empty/, isCountable: false },
  'a file that is no database': {
    damage: (path) => writeFileSync(path, 'this is a text, not a database\n'.repeat(100)),
    reason: /no SQLite database/,
    isCountable: false,
  },
  "another program's database": {
    damage: (path) => {
      truncateSync(path, 0);
      const database = new Sqlite(path);
      database.exec('CREATE TABLE recipes (name TEXT)');
      database.close();
    },
    reason: /another program/,
    isCountable: false,
  },
};

for (const [what, { damage, reason, isCountable }] of Object.entries(damagings)) {
  void test(`${what} is set aside, what can be read is kept, the loss is counted, and rows go on (F44)`, async (t) => {
    const { dataDir, path } = await filled(t);
    damage(path);
    const damaged = readFileSync(path);
    const { store, damages } = await reopened(t, dataDir);

    const [found] = damages;
    t.match(found?.reason, reason);
    t.match(found?.setAsideAs, /regression\.db\.corrupt-\d{8}T\d{6}Z$/);
    t.ok(readFileSync(found?.setAsideAs ?? '').equals(damaged), 'as it was');
    const stored = (await walk(store, { order: 'arrival', limit: 5000 })).map(({ id }) => id);
    t.equal(stored.length, 10 + (found?.salvagedRows ?? 0));
    t.equal(new Set(stored).size, stored.length);
    if (isCountable) {
      t.ok((found?.salvagedRows ?? 0) > rows / 4, `${found?.salvagedRows} rows salvaged`);
      t.equal((found?.salvagedRows ?? 0) + (found?.lostRows ?? 0), rows, 'salvaged and lost are all');
      t.equal((await store.stats()).lostRows, found?.lostRows);
    } else {
      t.strictSame([found?.salvagedRows, found?.lostRows], [0, null]);
    }
    const { firstId } = await store.append({ records: someRecords(5), positions: [], gaps: [] });
    t.equal(firstId, isCountable ? rows + 11 : 11, 'no id that can be known of is given out again');
    await store.close();
    const again = await reopened(t, dataDir);
    t.strictSame(again.damages, [], 'the new file is sound');
    t.equal((await walk(again.store, { order: 'arrival', limit: 5000 })).length, stored.length + 5);
  });
}

void test('a single flipped bit in a page header is found at the start', async (t) => {
  const { dataDir, path } = await filled(t);
  const offset = pageWith(path, 'row 1500') * pageBytes + 4; // number of cells, high byte
  overwrite(path, offset, Buffer.of((readFileSync(path)[offset] ?? 0) ^ 0x40));
  const { damages } = await reopened(t, dataDir);

  t.equal((damages[0]?.salvagedRows ?? 0) + (damages[0]?.lostRows ?? 0), rows);
});

void test('positions survive the salvage, so no file is read twice', async (t) => {
  const { dataDir, path } = await filled(t);
  damagings['a damaged page among the rows']?.damage(path);
  const { store } = await reopened(t, dataDir);

  t.match(await store.positions(), [aPosition({ offset: 7 })]);
});

/** The segment of `filled`, sealed; nobody has it open. */
async function sealed(segments: string): Promise<void> {
  const store = await openStore({ dataDir: join(segments, '..') });
  await store.sealed();
  await store.close();
}

const segmentDamagings: Readonly<Record<string, (segments: string) => Promise<void>>> = {
  'a sealed segment that cannot be read, with a torn manifest': async (segments) => {
    await sealed(segments);
    truncateSync(join(segments, '000000000001.json'), 20);
    overwrite(join(segments, '000000000001.db'), pageBytes, Buffer.alloc(20 * pageBytes, 0xff));
  },
  'a sealed segment under the name of another, without a manifest': async (segments) => {
    await sealed(segments);
    rmSync(join(segments, '000000000001.json'));
    renameSync(join(segments, '000000000001.db'), join(segments, '000000000005.db'));
  },
  'a torn manifest without its segment': async (segments) => {
    await sealed(segments);
    truncateSync(join(segments, '000000000001.json'), 20);
    rmSync(join(segments, '000000000001.db'));
  },
  'a closed segment that is no database': async (segments) => {
    for (const name of readdirSync(segments)) rmSync(join(segments, name), { force: true });
    writeFileSync(join(segments, '000000000001.closed.db'), 'this is a text, not a database\n'.repeat(100));
  },
  'an empty closed segment': async (segments) => {
    for (const name of readdirSync(segments)) rmSync(join(segments, name), { force: true });
    writeFileSync(join(segments, '000000000001.closed.db'), '');
  },
};

for (const [what, damage] of Object.entries(segmentDamagings)) {
  void test(`${what} is set aside and told, and does not stop the start (F44)`, { timeout: 120_000 }, async (t) => {
    const { dataDir } = await filled(t);
    const segments = join(dataDir, 'segments');
    await damage(segments);
    const { store, damages } = await reopened(t, dataDir);

    t.match(damages, [{ setAsideAs: /segments\/0+[15]\..*\.corrupt-\d{8}T\d{6}Z$/, lostRows: null }]);
    t.ok(existsSync(damages[0]?.setAsideAs ?? ''));
    t.equal((await walk(store, { order: 'arrival', limit: 5000 })).length, rows, 'the hot file answers');
    await store.append({ records: someRecords(1), positions: [], gaps: [] });
    await store.close();
    t.strictSame((await reopened(t, dataDir)).damages, [], 'told once');
  });
}

for (const [what, damageManifest] of Object.entries({
  torn: (path: string) => truncateSync(path, 20),
  gone: (path: string) => rmSync(path),
})) {
  void test(`a manifest that is ${what} is written again from its sealed file, which answers as before`, async (t) => {
    const { dataDir } = await filled(t);
    const segments = join(dataDir, 'segments');
    await sealed(segments);
    const manifestPath = join(segments, '000000000001.json');
    const before = JSON.parse(readFileSync(manifestPath, 'utf8')) as SegmentManifest;
    damageManifest(manifestPath);
    const { store, damages } = await reopened(t, dataDir);

    t.strictSame(damages, []);
    t.match(await store.segments(), [{ state: 'sealed', firstId: 1, lastId: 10 }]);
    t.equal((await walk(store, { order: 'arrival', limit: 5000 })).length, rows + 10);
    const after = JSON.parse(readFileSync(manifestPath, 'utf8')) as SegmentManifest;
    t.strictSame({ ...after, sealedAt: '' }, { ...before, sealedAt: '' });
    const { firstId } = await store.append({ records: someRecords(1), positions: [], gaps: [] });
    t.equal(firstId, rows + 11);
  });
}

void test('a sealed file that was taken out of the store, but for its manifest, is not taken in again', async (t) => {
  const { dataDir } = await filled(t);
  const segments = join(dataDir, 'segments');
  await sealed(segments);
  const left = readFileSync(join(segments, '000000000001.db'));
  const store = await openStore({ dataDir });
  await store.removeSegments([1], 'age');
  await store.close();
  writeFileSync(join(segments, '000000000001.db'), left); // as a kill between the two removals leaves it
  const again = await reopened(t, dataDir);

  t.strictSame(again.damages, []);
  t.strictSame(await again.store.segments(), []);
  t.strictSame(readdirSync(segments), []);
});

void test('a large file is read through while rows go on, and replaced when it is damaged (F44)', async (t) => {
  const { dataDir, path } = await filled(t);
  damagings['a damaged page among the rows']?.damage(path);
  const found = Promise.withResolvers<Damage>();
  const store = await openStore({ dataDir, maxBytesCheckedFirst: 1, onDamage: found.resolve });
  t.teardown(() => store.close());
  const appended: number[] = [];
  let isFound = false;
  void found.promise.then(() => (isFound = true));
  do appended.push((await store.append({ records: someRecords(1), positions: [], gaps: [] })).firstId);
  while (!isFound);
  const { reason, salvagedRows, lostRows, setAsideAs } = await found.promise;

  t.match(reason, /damaged/);
  t.ok(existsSync(setAsideAs));
  t.ok(salvagedRows > rows / 4, `${salvagedRows} rows salvaged`);
  t.strictSame(
    appended,
    appended.map((_, index) => rows + 11 + index),
    'every append is answered with an id of its own',
  );
  const stored = (await walk(store, { order: 'arrival', limit: 5000 })).map(({ id }) => id);
  t.equal(new Set(stored).size, stored.length);
  t.equal(stored.length + (lostRows ?? 0), 10 + rows + appended.length, 'stored and lost are all');
});

void test('damage that an append runs into has the file replaced; the repeated batch is stored (F44)', async (t) => {
  const { path } = await filled(t);
  overwrite(path, pageWith(path, `row ${rows - 1}`) * pageBytes, Buffer.alloc(64, 0xff)); // where the next row goes
  const store = new SqliteStore(path, { maxBytesCheckedFirst: 1 });
  t.teardown(() => store.close());
  const batch = { records: someRecords(5), positions: [], gaps: [] };

  await t.rejects(store.append(batch), { code: 'STORE_WRITE_FAILED', retryable: true, message: /being replaced/ });
  t.equal((await store.append(batch)).firstId, rows + 11);
  const [damage] = await store.state.damages();
  t.equal((damage?.salvagedRows ?? 0) + (damage?.lostRows ?? 0), rows);
  t.equal((await walk(store, { order: 'arrival', limit: 5000 })).length, 10 + (damage?.salvagedRows ?? 0) + 5);
});

void test('a torn manifest costs nothing while the closed file is still there: it is sealed again', async (t) => {
  const dataDir = await tempDir(t);
  const before = await openStore({ dataDir });
  await before.append({ records: someRecords(10), positions: [], gaps: [] });
  await before.close();
  const segments = join(dataDir, 'segments');
  renameSync(join(dataDir, 'regression.db'), join(segments, '000000000001.closed.db'));
  writeFileSync(join(segments, '000000000001.db'), 'half a sealed file');
  writeFileSync(join(segments, '000000000001.json'), '{"firstId":1,"la');
  const { store, damages } = await reopened(t, dataDir);

  t.strictSame(damages, []);
  t.equal((await walk(store, { order: 'arrival', limit: 5000 })).length, 10);
  await store.sealed();
  t.match(await store.segments(), [{ state: 'sealed', firstId: 1 }]);
});

void test('a file of a newer release is refused and left as it is (F44)', async (t) => {
  const { dataDir, path } = await filled(t);
  overwrite(path, 60, Buffer.from([0, 0, 0x23, 0x28]));
  const before = readFileSync(path);

  await t.rejects(openStore({ dataDir }), { code: 'STORE_TOO_NEW', hint: /newer release/ });
  t.ok(readFileSync(path).equals(before));
  t.notOk(readdirSync(dataDir).some((name) => name.includes('corrupt')));
});

void test("another program's rollback journal is never opened over: the start is refused, with a way out (F42)", async (t) => {
  const { dataDir, path } = await filled(t);
  writeFileSync(`${path}-journal`, Buffer.alloc(512, 1));
  const before = readFileSync(path);

  await t.rejects(openStore({ dataDir }), { code: 'STORE_UNSAFE', hint: /sqlite3/ });
  t.ok(readFileSync(path).equals(before));
  t.ok(existsSync(`${path}-journal`));
});

void test('a stale lock of a killed process does not keep the store from starting (F41)', async (t) => {
  const { dataDir, path } = await filled(t);
  const { mkdirSync } = await import('node:fs');
  mkdirSync(`${path}.lock`);
  const { store } = await reopened(t, dataDir);

  t.equal((await store.stats()).lastId, rows + 10);
});

void test('an engine that refuses WAL mode is refused (F43)', async (t) => {
  const database = new Sqlite(':memory:'); // it answers `memory`, as it answers `delete` without exclusive locking
  t.teardown(() => database.close());
  t.throws(() => database.useWal(), { code: 'STORE_UNSAFE', message: /refused WAL mode/ });

  const { path } = await filled(t);
  const original = Object.getOwnPropertyDescriptor(Sqlite.prototype, 'useWal');
  if (original === undefined) throw new Error('Sqlite has no useWal');
  t.teardown(() => Object.defineProperty(Sqlite.prototype, 'useWal', original));
  const refusing = (original.value as () => void).bind(database);
  Object.defineProperty(Sqlite.prototype, 'useWal', { value: refusing, configurable: true });
  t.throws(
    () => openHotFile({ ...defaultLimits, path, lastSegmentId: 10, checksFile: true }, Date.now()),
    { code: 'STORE_UNSAFE' },
    'the start is refused with it',
  );
});
