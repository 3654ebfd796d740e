/**
 * A consistent, read-only view of the hot file, beside its writer.
 *
 * Opened by a path of its own (see alias.ts) it recovers the WAL into its own memory and keeps seeing that state while the writer
 * goes on. That is right as long as no checkpoint runs: the caller holds a pin of the writer (see protocol.ts) from before
 * `open` until after `close`.
 */
import { statSync } from 'node:fs';
import { closeAlias, openAlias } from './alias.ts';
import { KeptOrder } from './kept-order.ts';
import { PageFile, type PageReader } from './pages/page-file.ts';
import { Wal, WalPages } from './pages/wal-pages.ts';
import type { Sqlite } from './sqlite.ts';

/** Of tests, which have no thread. */
const defaultCacheBytes = 16 * 1024 * 1024;

export class Snapshot {
  readonly directory: string;
  readonly database: Sqlite;
  /** Of the pages. */
  readonly order = new KeptOrder();
  readonly #hotPath: string;
  readonly #openedOn: string;
  readonly #wal: Wal;
  readonly #ownsWal: boolean;
  #isWalRead = false;

  /**
   * @param directory does not exist yet; it is removed by `close`, or by the store when the thread was ended.
   * @param wal of the file, read as far as a snapshot before this one needed it; it outlives this one.
   */
  constructor(hotPath: string, directory: string, wal?: Wal, cacheBytes = defaultCacheBytes) {
    this.#wal = wal ?? walOf(hotPath);
    this.#ownsWal = wal === undefined;
    this.directory = directory;
    this.#hotPath = hotPath;
    this.#openedOn = filesAt(hotPath);
    this.database = openAlias(hotPath, directory, { withWal: true, cacheBytes });
    this.#begin();
  }

  /** Runs `work`, which may write other files, outside the transaction that holds the state. The file itself is opened read-only. */
  outsideTransaction<Result>(work: () => Result): Result {
    // A statement that ran out of memory has ended it already.
    if (this.database.isInTransaction) this.database.run('COMMIT');
    this.database.exec('PRAGMA query_only = OFF');
    try {
      return work();
    } finally {
      this.database.exec('PRAGMA query_only = ON');
      this.#begin();
    }
  }

  /** False once another program has written to the file in spite of the pin: what was read since may be of two states. */
  get isIntact(): boolean {
    return filesAt(this.#hotPath) === this.#openedOn;
  }

  #begin(): void {
    this.database.run('BEGIN');
    this.database.all('SELECT 1 FROM sqlite_schema LIMIT 1'); // the state is fixed by the first read
  }

  /** The pages as the database sees them, or with rows that were committed a little later. */
  openPages(): PageReader {
    const file = new PageFile(this.#hotPath, 'r');
    try {
      if (!this.#isWalRead) this.#wal.readOn(file);
      this.#isWalRead = true;
      return new WalPages(file, this.#wal);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  close(): void {
    if (this.#ownsWal) this.#wal.close();
    closeAlias(this.database, this.directory);
  }
}

export function walOf(hotPath: string): Wal {
  return new Wal(`${hotPath}-wal`);
}

/** While a snapshot is pinned the writer only appends to the WAL: the database file's time and the WAL's identity stand still. */
function filesAt(path: string): string {
  const file = statSync(path, { bigint: true, throwIfNoEntry: false });
  const wal = statSync(`${path}-wal`, { bigint: true, throwIfNoEntry: false });
  return `${file?.ino} ${file?.mtimeNs} ${wal?.ino}`;
}
