/** Each task as a child process, killed with SIGKILL at random moments once it has begun; then run again to its end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { listArchived } from '../../src/archive/archived.ts';
import { listBackups } from '../../src/backup/manifest.ts';
import { checkBackup } from '../../src/backup/place.ts';
import { openStore } from '../../src/store/remote-store.ts';
import { program, regression } from '../daemon-process.ts';
import { seededRandom } from '../random.ts';
import { someRecords } from '../records.ts';
import { walk } from '../store/store.contract.ts';
import { jobsInThisThread as jobs } from '../tasks/task-place.ts';
import { tempDir } from '../temp-dir.ts';

const kills = 2;
const rows = 3000;
const signal = new AbortController().signal;
const progress = (): void => undefined;

interface Place {
  readonly dataDir: string;
  readonly backupDir: string;
  readonly archiveDir: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A data directory with a sealed segment, a closed one and rows in the hot file. */
async function place(t: Test): Promise<Place> {
  const root = await tempDir(t);
  const dataDir = join(root, 'data');
  const backupDir = join(root, 'backups');
  const store = await openStore({ dataDir });
  for (let part = 0; part < 3; part++) {
    await store.append({
      records: someRecords(rows / 3, { metadata: [['part', String(part)]] }),
      positions: [],
      gaps: [],
    });
    if (part < 2) await store.rotate();
  }
  await store.close();
  const archiveDir = join(root, 'archive');
  const env = {
    REGRESSION_DATA_DIR: dataDir,
    REGRESSION_TASKS_BACKUP_DIR: backupDir,
    REGRESSION_TASKS_ARCHIVE_DIR: archiveDir,
    REGRESSION_TASKS_ARCHIVE_AFTER: '0s',
    REGRESSION_TASKS_ARCHIVE_FORMAT: 'parquet',
    REGRESSION_TASKS_PRUNE_MAX_AGE: '1m',
  };
  return { dataDir, backupDir, archiveDir, env };
}

/** Rows in the store, each of them once, and rows that tasks have taken out of it. */
async function counted(dataDir: string): Promise<{ live: number; unique: number; removed: number }> {
  const store = await openStore({ dataDir });
  await store.sealed();
  const ids = (await walk(store, { order: 'arrival', limit: 1000 })).map(({ id }) => id);
  const removed = (await store.state.removedSegments()).reduce((sum, segment) => sum + segment.rows, 0);
  await store.close();
  return { live: ids.length, unique: new Set(ids).size, removed };
}

const names = (directory: string): string[] => {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
};

/** Kills the command a moment after it has begun to write in `directory`; false when it ended before. */
async function killed(
  args: readonly string[],
  env: Place['env'],
  directory: string,
  hasBegun: (names: readonly string[]) => boolean,
  afterMs: number,
): Promise<boolean> {
  const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ...env }, stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (child.exitCode === null && !hasBegun(names(directory))) await delay(1);
  await delay(afterMs);
  child.kill('SIGKILL');
  const [, by] = (await ended) as [number | null, NodeJS.Signals | null];
  return by === 'SIGKILL';
}

const isUnfinished = (name: string): boolean => name.endsWith('.unfinished');

void test(
  'a backup that is killed leaves nothing half under a final name; the next completes (F47)',
  { timeout: 300_000 },
  async (t) => {
    const { backupDir, env } = await place(t);
    const random = seededRandom(t);
    let dead = 0;
    for (let kill = 0; kill < kills; kill++) {
      const before = new Set(names(backupDir));
      const hasBegun = (found: readonly string[]): boolean =>
        found.some((name) => isUnfinished(name) && !before.has(name));
      if (await killed(['backup'], env, backupDir, hasBegun, random.integer(0, 400))) dead++;
      const backups = await listBackups(backupDir);
      const finalNames = names(backupDir).filter((name) => !isUnfinished(name));
      t.strictSame(
        backups.map(({ manifest }) => manifest.name),
        finalNames,
        'what has a final name is complete',
      );
      for (const backup of backups) await checkBackup(backup, { jobs, signal, progress });
    }
    t.comment(`${dead} of ${kills} were killed in time`);

    const outcome = await regression(['backup'], { env });

    t.equal(outcome.code, 0, outcome.stderr);
    t.strictSame((await readdir(backupDir)).filter(isUnfinished), []);
    t.equal((await listBackups(backupDir)).at(-1)?.manifest.rows, rows);
    const drilled = await regression(['verify', '--json'], { env });
    t.equal(drilled.code, 0, drilled.stderr);
  },
);

void test(
  'a restore that is killed leaves the old data or the new; the next completes (F47)',
  { timeout: 300_000 },
  async (t) => {
    const { dataDir, env } = await place(t);
    t.equal((await regression(['backup'], { env })).code, 0);
    const random = seededRandom(t);
    const hasBegun = (found: readonly string[]): boolean => found.some((name) => name.startsWith('restore.'));
    for (let kill = 0; kill < kills; kill++) {
      await killed(['restore', 'latest'], env, dataDir, hasBegun, random.integer(0, 150));
      const store = await openStore({ dataDir });
      const found = await walk(store, { order: 'arrival', limit: 1000 });
      await store.close();
      t.strictSame([found.length, found.at(-1)?.id], [rows, rows]);
      t.strictSame(
        names(dataDir).filter((name) => name.startsWith('restore.')),
        [],
      );
    }
    const outcome = await regression(['restore', 'latest', '--json'], { env });
    t.equal(outcome.code, 0, outcome.stderr);
    t.match(JSON.parse(outcome.stdout), { rows, dry_run: false, replaced: /replaced-/ });
  },
);

/** The process has the data directory. */
const holds =
  (before: readonly string[]) =>
  (found: readonly string[]): boolean =>
    found.some((name) => /^daemon\.\d+\.sock$/.test(name) && !before.includes(name));

void test(
  'an archive run that is killed leaves only whole files under final names; live + archived = total (F46, F47)',
  { timeout: 300_000 },
  async (t) => {
    const { dataDir, archiveDir, env } = await place(t);
    t.strictSame(await counted(dataDir), { live: rows, unique: rows, removed: 0 });
    const random = seededRandom(t);
    let dead = 0;
    for (let kill = 0; kill < kills; kill++) {
      if (await killed(['archive'], env, dataDir, holds(names(dataDir)), random.integer(0, 700))) dead++;
      for (const { file, sha256 } of await listArchived(archiveDir).catch(() => [])) {
        t.equal((await jobs.run({ job: 'hash', path: join(archiveDir, file) })).sha256, sha256, file);
      }
      const { live, unique, removed } = await counted(dataDir);
      t.strictSame([live + removed, unique], [rows, live]);
    }
    t.comment(`${dead} of ${kills} were killed in time`);

    const outcome = await regression(['archive'], { env });

    t.equal(outcome.code, 0, outcome.stderr);
    t.strictSame(names(archiveDir).sort(), [
      '000000000001.archive.json',
      '000000000001.parquet',
      '000000001001.archive.json',
      '000000001001.parquet',
    ]);
    t.strictSame(await counted(dataDir), { live: rows / 3, unique: rows / 3, removed: (rows * 2) / 3 });
  },
);

for (const task of ['prune', 'rotate'] as const) {
  void test(
    `${task} that is killed loses and doubles no row that it does not count; the next completes (F37, F47)`,
    { timeout: 300_000 },
    async (t) => {
      const { dataDir, env } = await place(t);
      await counted(dataDir); // all is sealed
      const random = seededRandom(t);
      for (let kill = 0; kill < kills; kill++) {
        await killed([task], env, dataDir, holds(names(dataDir)), random.integer(0, 200));
        const { live, unique, removed } = await counted(dataDir);
        t.strictSame([live + removed, unique], [rows, live]);
      }

      const outcome = await regression([task], { env });

      t.equal(outcome.code, 0, outcome.stderr);
      const left = task === 'prune' ? rows / 3 : rows;
      t.strictSame(await counted(dataDir), { live: left, unique: left, removed: rows - left });
    },
  );
}

void test(
  'a drill that is killed leaves the backup as it was, and no more than its own place; the next proves it (F47)',
  { timeout: 300_000 },
  async (t) => {
    const { backupDir, env } = await place(t);
    t.equal((await regression(['backup'], { env })).code, 0);
    const random = seededRandom(t);
    for (let kill = 0; kill < kills; kill++) {
      await killed(['verify'], env, backupDir, (found) => found.some(isUnfinished), random.integer(0, 500));
      const [backup, ...others] = await listBackups(backupDir);
      t.strictSame(others, []);
      if (backup !== undefined) await checkBackup(backup, { jobs, signal, progress });
    }

    const outcome = await regression(['verify'], { env });

    t.equal(outcome.code, 0, outcome.stderr);
    const [backup] = await listBackups(backupDir);
    t.strictSame(names(backupDir), [backup?.manifest.name]);
    t.not(backup?.verifiedAt, null);
  },
);
