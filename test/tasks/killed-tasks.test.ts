/**
 * Each task as if the process were killed, before and after each file operation that gives or takes a name and at some between; then
 * the next start, and the task once more. Rotation and sealing are in test/store/thread; real processes and SIGKILL in
 * test/backup/killed.test.ts.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { bringBack } from '../../src/archive/bring-back.ts';
import { listArchived } from '../../src/archive/archived.ts';
import { drill } from '../../src/backup/drill.ts';
import { listBackups, readBackup, removeUnfinished } from '../../src/backup/manifest.ts';
import { checkBackup } from '../../src/backup/place.ts';
import { restoreBackup } from '../../src/backup/restore.ts';
import { archiveFormats } from '../../src/store/archive-format.ts';
import type { Store } from '../../src/store/store.ts';
import type { TaskName } from '../../src/tasks/registry.ts';
import { ManualClock } from '../manual-clock.ts';
import { aRecord } from '../records.ts';
import { type ChangingCall, intercepted, killedBeforeCall } from '../store/interrupted-fs.ts';
import { walk } from '../store/store.contract.ts';
import { memoryDir } from '../temp-dir.ts';
import {
  archiveDirOf,
  backupDirOf,
  closeFilesOf,
  dataDirOf,
  jobsInThisThread,
  openInThisThread,
  runTask,
} from './task-place.ts';

const slow = { timeout: 300_000 };
const rowsPerPart = 10;
const total = 4 * rowsPerPart;
const now = '2026-11-24T12:00:00Z';
const later = '2026-11-24T13:00:00Z';
const muchLater = '2026-11-24T14:00:00Z';
const signal = new AbortController().signal;
const progress = (): void => undefined;
const work = { jobs: jobsInThisThread, signal, progress };

/** Two sealed segments, a closed one and rows in the file being written; one backup, which two sealed segments are in. */
async function prepared(t: Test): Promise<string> {
  const root = await memoryDir(t);
  mkdirSync(dataDirOf(root));
  const store = openInThisThread(dataDirOf(root));
  const append = async (day: string): Promise<void> => {
    const records = Array.from({ length: rowsPerPart }, (_, index) =>
      aRecord({ timestamp: `2026-11-${day}T00:00:0${index}.000000Z`, metadata: [['day', day]] }),
    );
    await store.append({ records, positions: [], gaps: [] });
  };
  for (const day of ['01', '11']) {
    await append(day);
    await store.rotate();
  }
  await store.sealed();
  await runTask('backup', store, root, { dir: backupDirOf(root) }, '2026-11-22T12:00:00Z');
  await append('21');
  await store.rotate();
  await append('24');
  await store.close();
  return root;
}

interface Trial {
  /** What is killed; run again it completes. */
  readonly act: (root: string, store: Store | null, at: string) => Promise<unknown>;
  /** It is given a store, opened before. */
  readonly hasStore: boolean;
  /** Also holds wherever it was killed. @returns what is wrong. */
  readonly check?: (root: string) => Promise<readonly string[]>;
  /** How many rows are live once it has run. */
  readonly live: number;
  /** Names that are to be in a directory then. */
  readonly leaves?: (root: string) => Readonly<Record<string, number>>;
}

/** Rows live, and rows that the store knows to be removed. */
async function counted(root: string): Promise<{ live: number; removed: number; ids: number }> {
  const store = openInThisThread(dataDirOf(root));
  const ids = (await walk(store, { order: 'arrival' })).map(({ id }) => id);
  const removed = (await store.state.removedSegments()).filter(({ restoredAt }) => restoredAt === null);
  await store.close();
  return { live: ids.length, removed: removed.reduce((sum, { rows }) => sum + rows, 0), ids: new Set(ids).size };
}

async function problemsOf(root: string, { check }: Trial, expected?: number): Promise<string[]> {
  const { live, removed, ids } = await counted(root);
  const problems = [...((await check?.(root)) ?? [])];
  if (live + removed !== total) problems.push(`${live} live + ${removed} removed`);
  if (live !== (expected ?? live)) problems.push(`${live} rows are live`);
  if (ids !== live) problems.push('a row is there twice');
  return problems;
}

const leftOf = (root: string): string[] =>
  readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(?:unfinished|restoring|restored|sealing|work|slim|alias|check|lock)\b|restore\.|snapshots\/./.test(name),
  );

async function killedEverywhere(t: Test, base: string, trial: Trial): Promise<void> {
  const place = await memoryDir(t);
  const moments = await momentsOf(base, join(place, 'counted'), trial);
  for (const moment of moments) {
    const root = join(place, String(moment));
    cpSync(base, root, { recursive: true });
    const dead = trial.hasStore ? openInThisThread(dataDirOf(root)) : null;
    await killedBeforeCall(moment, () => trial.act(root, dead, later));
    closeFilesOf(root);
    const problems = await problemsOf(root, trial);

    await completed(root, trial);

    problems.push(...(await problemsOf(root, trial, trial.live)).map((problem) => `then ${problem}`));
    const left = leftOf(root);
    if (left.length > 0) problems.push(`left behind: ${left.join(', ')}`);
    for (const [directory, names] of Object.entries(trial.leaves?.(root) ?? {})) {
      const found = readdirSync(directory);
      if (found.length !== names) problems.push(`${directory} holds ${found.join(', ')}`);
    }
    rmSync(root, { recursive: true });
    if (problems.length > 0) t.fail(`killed before operation ${moment}: ${problems.join('; ')}`);
  }
  t.ok(moments.length > 5, `${moments.length} moments were tried`);
}

async function completed(root: string, { hasStore, act }: Trial): Promise<void> {
  const store = hasStore ? openInThisThread(dataDirOf(root)) : null;
  await act(root, store, muchLater);
  await store?.close();
}

/** What gives and takes names. */
const naming: ReadonlySet<ChangingCall | undefined> = new Set(['renameSync', 'rmSync', 'linkSync', 'unlinkSync']);
const everyOther = 13;

/** Before and after each operation that gives or takes a name, and before one in so many of the others. */
async function momentsOf(base: string, root: string, trial: Trial): Promise<readonly number[]> {
  const calls: ChangingCall[] = [];
  cpSync(base, root, { recursive: true });
  const store = trial.hasStore ? openInThisThread(dataDirOf(root)) : null;
  await intercepted(
    (call) => void calls.push(call),
    () => trial.act(root, store, later),
  );
  await store?.close();
  rmSync(root, { recursive: true });
  return [...calls.keys(), calls.length].filter(
    (moment) => moment % everyOther === 0 || naming.has(calls[moment]) || naming.has(calls[moment - 1]),
  );
}

async function once(root: string, name: TaskName, options: Readonly<Record<string, unknown>>): Promise<void> {
  const store = openInThisThread(dataDirOf(root));
  await runTask(name, store, root, options, now);
  await store.close();
}

const ofTask =
  (name: TaskName, options: (root: string) => object): Trial['act'] =>
  async (root, store, at) => {
    if (store === null) throw new Error('a task needs a store');
    await runTask(name, store, root, { ...options(root) }, at);
  };

/** What has a backup's name is one, to the last byte. */
async function wholeBackups(root: string): Promise<readonly string[]> {
  const names = readdirSync(backupDirOf(root)).filter((name) => !name.endsWith('.unfinished'));
  const problems: string[] = [];
  for (const name of names) {
    try {
      await checkBackup(await readBackup(join(backupDirOf(root), name)), work);
    } catch (error) {
      problems.push(String(error));
    }
  }
  return names.length === 0 ? ['no backup is left'] : problems;
}

/** What has a manifest in the archive is what the manifest says. */
async function wholeArchive(root: string): Promise<readonly string[]> {
  const directory = archiveDirOf(root);
  if (!existsSync(directory)) return [];
  const problems: string[] = [];
  for (const { file, sha256 } of await listArchived(directory)) {
    const found = await jobsInThisThread.run({ job: 'hash', path: join(directory, file) }).catch(() => null);
    if (found?.sha256 !== sha256) problems.push(`${file} is not what its manifest says`);
  }
  return problems;
}

void test(
  'backup, killed at each rename and removal and in between, leaves whole backups only (F47)',
  slow,
  async (t) => {
    await killedEverywhere(t, await prepared(t), {
      hasStore: true,
      act: ofTask('backup', (root) => ({ dir: backupDirOf(root), keep: { count: 1, daily: 0, weekly: 0 } })),
      check: wholeBackups,
      live: total,
      leaves: (root) => ({ [backupDirOf(root)]: 1 }),
    });
  },
);

void test(
  'verify, killed at each rename and removal and in between, leaves the backup as it was (F47)',
  slow,
  async (t) => {
    await killedEverywhere(t, await prepared(t), {
      hasStore: false,
      async act(root) {
        const [backup] = await listBackups(backupDirOf(root));
        if (backup === undefined) throw new Error('there is no backup');
        await removeUnfinished(backupDirOf(root));
        await drill(backup, { ...work, clock: new ManualClock(later), open: async (place) => openInThisThread(place) });
      },
      check: wholeBackups,
      live: total,
      leaves: (root) => ({ [backupDirOf(root)]: 1 }),
    });
  },
);

for (const format of archiveFormats) {
  void test(
    `archive to ${format}, killed at each rename and removal and in between: live + archived = total (F46, F47)`,
    slow,
    async (t) => {
      await killedEverywhere(t, await prepared(t), {
        hasStore: true,
        act: ofTask('archive', (root) => ({ dir: archiveDirOf(root), after: '20d', format })),
        check: wholeArchive,
        live: total - rowsPerPart,
        leaves: (root) => ({ [archiveDirOf(root)]: 2 }),
      });
    },
  );
}

void test(
  'prune, killed at each rename and removal and in between, counts what it removes (F47, F59)',
  slow,
  async (t) => {
    await killedEverywhere(t, await prepared(t), {
      hasStore: true,
      act: ofTask('prune', () => ({ max_age: '10d' })),
      live: total - 2 * rowsPerPart,
    });
  },
);

void test(
  'prune on a full disk, killed at each rename and removal and in between, leaves no half backup (F47, F59)',
  slow,
  async (t) => {
    const base = await prepared(t);
    await once(base, 'backup', { dir: backupDirOf(base) });
    await killedEverywhere(t, base, {
      hasStore: true,
      act: ofTask('prune', () => ({ min_free: '1000TiB' })),
      check: wholeBackups,
      live: 2 * rowsPerPart, // the segment that is still to be sealed, and the file being written
      leaves: (root) => ({ [backupDirOf(root)]: 1 }),
    });
  },
);

for (const format of archiveFormats) {
  void test(
    `bringing segments back out of ${format}, killed at each rename and removal and in between: each row once (F47)`,
    slow,
    async (t) => {
      const base = await prepared(t);
      await once(base, 'archive', { dir: archiveDirOf(base), after: '10d', format });
      await killedEverywhere(t, base, {
        hasStore: false,
        act: (root) =>
          bringBack({
            source: archiveDirOf(root),
            dataDir: dataDirOf(root),
            start: '2026-11-01',
            end: '2026-11-30',
            nowMs: Date.parse(now),
            jobs: jobsInThisThread,
            progress,
            open: async (dataDir) => openInThisThread(dataDir),
          }),
        live: total,
      });
    },
  );
}

void test(
  'restore, killed at each rename and removal and in between, leaves the old rows or the new (F47)',
  slow,
  async (t) => {
    const base = await prepared(t);
    await once(base, 'backup', { dir: backupDirOf(base) });
    await killedEverywhere(t, base, {
      hasStore: false,
      async act(root, _store, at) {
        const newest = (await listBackups(backupDirOf(root))).at(-1);
        if (newest === undefined) throw new Error('there is no backup');
        await restoreBackup(newest, { dataDir: dataDirOf(root), nowMs: Date.parse(at), ...work });
      },
      check: wholeBackups,
      live: total,
    });
  },
);
