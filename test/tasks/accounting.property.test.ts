/** Rows live + rows archived + rows removed = rows ever stored, over random histories of all tasks, of kills among them. */
import fc from 'fast-check';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { listArchived } from '../../src/archive/archived.ts';
import { bringBack } from '../../src/archive/bring-back.ts';
import { listBackups } from '../../src/backup/manifest.ts';
import { RegressionError } from '../../src/runtime/errors.ts';
import { type ArchiveFormat, archiveFormats } from '../../src/store/archive-format.ts';
import type { Store } from '../../src/store/store.ts';
import { aRecord } from '../records.ts';
import { killedBeforeCall } from '../store/interrupted-fs.ts';
import { walk } from '../store/store.contract.ts';
import { memoryDir } from '../temp-dir.ts';
import {
  archiveDirOf,
  backupDirOf,
  closeFilesOf,
  dataDirOf,
  jobsInThisThread as jobs,
  openInThisThread,
  runTask,
} from './task-place.ts';

type Work =
  | { readonly work: 'append'; readonly rows: number }
  | { readonly work: 'rotate' | 'backup' | 'verify' | 'pruneBySize' }
  | { readonly work: 'archive'; readonly olderThanDays: number; readonly format: ArchiveFormat }
  | { readonly work: 'pruneByAge'; readonly olderThanDays: number }
  | {
      readonly work: 'bringBack';
      readonly from: 'archive' | 'backup';
      readonly firstDay: number;
      readonly days: number;
    };

interface Step {
  readonly what: Work;
  /** After so many changes of the file system; null when it is left to end. */
  readonly killedAfter: number | null;
}

const days = fc.nat(4);
const work: fc.Arbitrary<Work> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ work: fc.constant('append' as const), rows: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 4, arbitrary: fc.constant({ work: 'rotate' as const }) },
  fc.record({ work: fc.constantFrom('backup' as const, 'backup' as const, 'verify' as const, 'pruneBySize' as const) }),
  {
    weight: 3,
    arbitrary: fc.record({
      work: fc.constant('archive' as const),
      olderThanDays: days,
      format: fc.constantFrom(...archiveFormats),
    }),
  },
  fc.record({ work: fc.constant('pruneByAge' as const), olderThanDays: days }),
  {
    weight: 3,
    arbitrary: fc.record({
      work: fc.constant('bringBack' as const),
      from: fc.constantFrom('archive' as const, 'archive' as const, 'backup' as const),
      firstDay: fc.nat(8),
      days: fc.nat(8),
    }),
  },
);
const step: fc.Arbitrary<Step> = fc.record({
  what: work,
  killedAfter: fc.option(fc.nat(200), { nil: null, freq: 3 }),
});

const dayMs = 86_400_000;
const firstDayMs = Date.parse('2026-11-01T00:00:00Z');

/** A data directory with what its tasks have made, and how many rows it ever had. */
class History {
  readonly root: string;
  store: Store;
  total = 0;
  /** Each step is a day. */
  day = 0;
  origin = '';

  constructor(root: string) {
    this.root = root;
    mkdirSync(dataDirOf(root));
    this.store = openInThisThread(dataDirOf(root));
  }

  async play({ what, killedAfter }: Step): Promise<void> {
    this.day++;
    const before = this.total;
    if (killedAfter === null) {
      await this.#work(what);
      if (what.work === 'append') this.total += what.rows;
      return;
    }
    await killedBeforeCall(killedAfter, () => this.#work(what));
    closeFilesOf(this.root);
    this.store = openInThisThread(dataDirOf(this.root));
    // The batch is in, all of it, or not.
    if (what.work === 'append' && (await this.store.stats()).lastId !== before) this.total += what.rows;
  }

  #now(): string {
    return new Date(firstDayMs + this.day * dayMs).toISOString();
  }

  async #work(what: Work): Promise<void> {
    const task = (name: Parameters<typeof runTask>[0], options: object): Promise<unknown> =>
      runTask(name, this.store, this.root, { ...options }, this.#now());
    switch (what.work) {
      case 'append':
        await this.store.append({ records: this.#records(what.rows), positions: [], gaps: [] });
        return;
      case 'rotate':
        await this.store.rotate();
        await this.store.sealed();
        return;
      case 'backup':
        await task('backup', { dir: backupDirOf(this.root), keep: { count: 2 } });
        return;
      case 'verify':
        if ((await listBackups(backupDirOf(this.root))).length > 0) await task('verify', {});
        return;
      case 'archive':
        await task('archive', { dir: archiveDirOf(this.root), after: `${what.olderThanDays}d`, format: what.format });
        return;
      case 'pruneByAge':
        await task('prune', { max_age: `${Math.max(what.olderThanDays, 1)}d` });
        return;
      case 'pruneBySize':
        await task('prune', { min_free: '1000TiB', max_total_size: '16MiB' });
        return;
      case 'bringBack':
        await this.#bringBack(what);
        return;
      default:
        throw new Error(`unknown work ${String(what satisfies never)}`);
    }
  }

  #records(rows: number) {
    return Array.from({ length: rows }, (_, index) =>
      aRecord({
        timestamp: this.#now().replace('Z', '000Z'),
        message: `row ${this.total + index + 1}`,
        application: { name: `app ${this.day % 3}`, version: null, environment: null },
        metadata: [['day', String(this.day)]],
      }),
    );
  }

  async #bringBack({ from, firstDay, days: length }: Work & { work: 'bringBack' }): Promise<void> {
    const source =
      from === 'archive' ? archiveDirOf(this.root) : (await listBackups(backupDirOf(this.root))).at(-1)?.directory;
    if (source === undefined) return;
    await this.store.close();
    const at = (day: number): string => new Date(firstDayMs + day * dayMs).toISOString();
    try {
      await bringBack({
        source,
        dataDir: dataDirOf(this.root),
        start: at(firstDay),
        end: at(firstDay + length),
        nowMs: firstDayMs + this.day * dayMs,
        jobs,
        progress: () => undefined,
        open: async (dataDir) => openInThisThread(dataDir),
      });
    } catch (error) {
      // Nothing is archived yet; or rows of the span came back out of a backup, cut otherwise.
      if (!(error instanceof RegressionError && ['BACKUP_INVALID', 'CONFLICT'].includes(error.code))) throw error;
      if (error.code === 'BACKUP_INVALID' && !/neither a backup nor an archive/.test(error.message)) throw error;
    }
    this.store = openInThisThread(dataDirOf(this.root));
  }

  /** What is wrong with it; null when nothing is. */
  async problem(): Promise<string | null> {
    const rows = await walk(this.store, { order: 'arrival' });
    const gone = (await this.store.state.removedSegments()).filter(({ restoredAt }) => restoredAt === null);
    const removed = gone.reduce((sum, { rows: count }) => sum + count, 0);
    if (rows.length + removed !== this.total) return `${rows.length} live + ${removed} removed, of ${this.total}`;
    if (new Set(rows.map(({ id }) => id)).size !== rows.length) return 'a row is there twice';
    const other = rows.find(({ id, message }) => message !== `row ${id}`);
    if (other !== undefined) return `row ${other.id} is ${other.message}`;
    const archived = await this.#archivedIds();
    for (const { reason, firstId, lastId } of gone) {
      for (let id = firstId; reason === 'archived' && id <= lastId; id++) {
        if (!archived.has(id)) return `row ${id} is in no archive`;
      }
    }
    return null;
  }

  /** Those of every archived file that is what its manifest says. */
  async #archivedIds(): Promise<ReadonlySet<number>> {
    const directory = archiveDirOf(this.root);
    const ids = new Set<number>();
    for (const { file, sha256, first_id: first, last_id: last } of await listArchived(directory).catch(() => [])) {
      if ((await jobs.run({ job: 'hash', path: join(directory, file) })).sha256 !== sha256) continue;
      for (let id = first; id <= last; id++) ids.add(id);
    }
    return ids;
  }
}

void test(
  'rows live + archived + removed = rows ever stored, each live row once and itself, whatever runs and is killed (F46, F47)',
  { timeout: 300_000 },
  async (t) => {
    const base = await memoryDir(t);
    let lives = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const root = join(base, String(lives++));
        mkdirSync(root);
        const history = new History(root);
        try {
          for (const [index, next] of steps.entries()) {
            await history.play(next);
            const problem = await history.problem();
            if (problem !== null) throw new Error(`${problem}, after step ${index + 1}: ${JSON.stringify(next)}`);
          }
        } finally {
          await history.store.close().catch(() => undefined);
          rmSync(root, { recursive: true });
        }
      }),
      { numRuns: Number(process.env['REGRESSION_RUNS'] ?? 40) },
    );
  },
);
