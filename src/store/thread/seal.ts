/**
 * Makes a segment of a closed file: a copy with the metadata and the full-text index, without credentials, checked.
 *
 * The copy is built without a journal, since it is thrown away when anything fails; the closed file is never written and answers
 * queries until the manifest, written last, says that the segment is complete. A sealed segment has journal mode `delete`, so any
 * SQLite tool can open it.
 */
import { constants, copyFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { RegressionError } from '../../runtime/errors.ts';
import { type Segment, type SegmentManifest, segmentFileNames } from '../segments.ts';
import { defaultLimits } from '../store-limits.ts';
import { durableRename, syncPath } from '../durable-rename.ts';
import { hashFile } from './file-hash.ts';
import {
  type MetadataRoots,
  declareMetadataIndex,
  fillMetadataIndex,
  refuseIncompleteIndex,
} from './metadata-index.ts';
import { MinuteCounts } from './minute-counts.ts';
import { removeDatabase } from './new-database.ts';
import { PageFile } from './pages/page-file.ts';
import { Columns } from './pages/record-columns.ts';
import { readTable } from './pages/table-pages.ts';
import { writeManifest } from './segment-manifest.ts';
import { rangesOf } from './file-checks.ts';
import { Sqlite } from './sqlite.ts';
import { TextBlocks, fewestRowsForBlocks, storeTextBlocks } from './text-blocks.ts';
import { buildTextIndex } from './text-index.ts';
import { RowMinutes } from './word-minutes.ts';

/** All others, the tokens among them, are state of the daemon and no part of the rows. */
const tablesKept = new Set(['logs', 'logs_metadata', 'applications', 'users']);

/**
 * @param cacheBytes page cache of the connection that makes it.
 * @throws RegressionError `STORE_FULL`, `STORE_WRITE_FAILED`, `STORE_CORRUPT`; the closed file is as it was.
 */
export function sealSegment(
  closed: Segment,
  directory: string,
  nowMs: () => number,
  cacheBytes: number = defaultLimits.cacheBytes,
): SegmentManifest {
  const names = segmentFileNames(closed.firstId);
  const unfinishedPath = join(directory, names.unfinished);
  removeDatabase(unfinishedPath);
  // Shared blocks where the file system can, else a copy inside the kernel.
  copyFileSync(closed.path, unfinishedPath, constants.COPYFILE_FICLONE);
  const counts = build(unfinishedPath, closed, cacheBytes);
  // With a lock nobody shares, the engine keeps the journal of the change of mode, emptied.
  rmSync(`${unfinishedPath}-journal`, { force: true });
  syncPath(unfinishedPath);
  const { firstId, lastId, minTimestamp, maxTimestamp } = closed;
  const manifest: SegmentManifest = {
    formatVersion: 1,
    ...counts,
    bytes: statSync(unfinishedPath).size,
    firstId,
    lastId,
    minTimestamp,
    maxTimestamp,
    sha256: hashFile(unfinishedPath).sha256,
    sealedAt: new Date(nowMs()).toISOString(),
  };
  durableRename(unfinishedPath, join(directory, names.sealed));
  writeManifest(directory, manifest);
  return manifest;
}

function build(
  path: string,
  closed: Segment,
  cacheBytes: number,
): { readonly rows: number; readonly metadataRows: number } {
  const roots = inCopy(path, cacheBytes, (database): MetadataRoots & { readonly logs: number } => {
    database.exec('PRAGMA secure_delete = ON');
    dropState(database);
    return { ...declareMetadataIndex(database), logs: database.rootPageOf('logs') };
  });
  fillMetadataIndex(path, roots);
  const summaries = closed.lastId - closed.firstId < fewestRowsForBlocks ? null : summariesOf(path, roots.logs, closed);
  return inCopy(path, cacheBytes, (database) => {
    buildTextIndex(database);
    if (summaries !== null) storeTextBlocks(database, summaries.blocks);
    summaries?.minutes.store(database);
    summaries?.rowMinutes.store(database);
    database.exec('PRAGMA analysis_limit = 1000; ANALYZE');
    check(database, closed);
    const count = (table: string): number =>
      database.get<{ rows: number }>(`SELECT count(*) AS rows FROM ${table}`)?.rows ?? 0;
    return { rows: count('logs'), metadataRows: count('logs_metadata') };
  });
}

interface Summaries {
  readonly blocks: TextBlocks;
  readonly minutes: MinuteCounts;
  readonly rowMinutes: RowMinutes;
}

/** @param root of the table `logs`. */
function summariesOf(path: string, root: number, closed: Segment): Summaries {
  const pages = new PageFile(path, 'r');
  try {
    const [blocks, minutes, rowMinutes] = [new TextBlocks(closed), new MinuteCounts(), new RowMinutes(closed)];
    const columns = new Columns(6);
    readTable(pages, root, (id, bytes, at) => {
      columns.find(bytes, at);
      blocks.add(id, bytes, columns.start(5), columns.length(5));
      minutes.add(bytes, columns);
      rowMinutes.add(id, bytes, columns);
    });
    return { blocks, minutes, rowMinutes };
  } finally {
    pages.close();
  }
}

/** Without a journal, and closed afterwards. */
function inCopy<Result>(path: string, cacheBytes: number, work: (database: Sqlite) => Result): Result {
  const database = new Sqlite(path);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.all('PRAGMA journal_mode = DELETE'); // stays in the file; what follows is for this connection
    database.exec(`
      PRAGMA journal_mode = OFF;
      PRAGMA synchronous = OFF;
      PRAGMA foreign_keys = OFF;
      PRAGMA cache_size = -${cacheBytes / 1024}`);
    return work(database);
  } finally {
    database.close();
  }
}

/** Overwritten, not only unlinked: what is dropped may be a password's hash. */
function dropState(database: Sqlite): void {
  const tables = database.all<{ name: string; type: string }>(
    `SELECT name, type FROM pragma_table_list
     WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
  );
  for (const { name } of tables) if (!tablesKept.has(name)) database.exec(`DROP TABLE "${name}"`);
  database.exec(`UPDATE users SET password = ''`);
}

/** What came out must be sound and hold what went in. */
function check(database: Sqlite, closed: Segment): void {
  refuseIncompleteIndex(database);
  const found = database.all<{ quick_check: string }>('PRAGMA quick_check(1)')[0]?.quick_check;
  const ranges = rangesOf(database);
  const isComplete = ranges?.firstId === closed.firstId && ranges.lastId === closed.lastId;
  if (found === 'ok' && isComplete) return;
  throw new RegressionError(
    'STORE_CORRUPT',
    `${closed.path}: sealing it failed: ${isComplete ? found : 'rows are missing'}`,
    {
      hint: 'The closed file still answers queries; check the disk, and copy the file away.',
    },
  );
}
