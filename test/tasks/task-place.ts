/** Tasks on a store in this thread, so that a test can stand between them and the file system. */
import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import type { FileJobRunner } from '../../src/store/file-jobs.ts';
import { completeRestore } from '../../src/store/replaced-data.ts';
import type { Store } from '../../src/store/store.ts';
import { doFileJob } from '../../src/store/thread/do-file-job.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { type TaskName, tasks } from '../../src/tasks/registry.ts';
import type { TaskContext, TaskKind, TaskOutcome } from '../../src/tasks/task.ts';
import { ManualClock } from '../manual-clock.ts';
import { walk } from '../store/store.contract.ts';

export const jobsInThisThread: FileJobRunner = { run: async (job) => (await doFileJob(job)) as never };

export const dataDirOf = (root: string): string => join(root, 'data');
export const backupDirOf = (root: string): string => join(root, 'backups');
export const archiveDirOf = (root: string): string => join(root, 'archive');

/** As a start of the daemon opens it. */
export function openInThisThread(dataDir: string): Store {
  completeRestore(dataDir);
  return new SqliteStore(join(dataDir, 'regression.db'));
}

export function contextOf(store: Store, root: string, now: string, more: Partial<TaskContext> = {}): TaskContext {
  return {
    store,
    dataDir: dataDirOf(root),
    backupDir: backupDirOf(root),
    clock: new ManualClock(now),
    jobs: jobsInThisThread,
    freeBytes: async () => 0,
    waits: true,
    signal: new AbortController().signal,
    progress: () => undefined,
    rowsRemoved: () => undefined,
    ...more,
  };
}

export function runTask(
  name: TaskName,
  store: Store,
  root: string,
  options: Readonly<Record<string, unknown>>,
  now: string,
): Promise<TaskOutcome> {
  const kind = tasks[name] as unknown as TaskKind<z.ZodObject>;
  return kind.run(contextOf(store, root, now), kind.options.parse(options));
}

/** As the end of a process does; what was killed does not use them again. */
export function closeFilesOf(root: string): void {
  for (const descriptor of readdirSync('/proc/self/fd')) {
    let path: string;
    try {
      path = readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      continue; // that of this very listing
    }
    if (path.startsWith(root)) closeSync(Number(descriptor));
  }
}

/** Rows live, and rows that the store knows to be gone. */
export async function countRows(store: Store): Promise<{ live: number; removed: number }> {
  const gone = (await store.state.removedSegments()).filter(({ restoredAt }) => restoredAt === null);
  return { live: (await walk(store, {})).length, removed: gone.reduce((sum, { rows }) => sum + rows, 0) };
}
