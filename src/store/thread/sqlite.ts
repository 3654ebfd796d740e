/**
 * The only file that knows node-sqlite3-wasm: one connection, its statements, and its errors turned into ours.
 *
 * Every statement runs to its end before the call returns, so none ever holds a read lock, and `close` finalises them all:
 * a statement left open would leave the lock directory and the WAL behind.
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import wasm from 'node-sqlite3-wasm';
import { type ErrorCode, RegressionError, messageOf } from '../../runtime/errors.ts';
import { satisfies } from '../../search/predicates.ts';
import type { Test } from '../../search/query.ts';

export type SqlValue = number | bigint | string | Uint8Array | null;

export interface OpenOptions {
  readonly readOnly?: boolean;
}

export class Sqlite {
  readonly path: string;
  readonly #database: wasm.Database;
  readonly #statements = new Map<string, wasm.Statement>();

  /** @throws RegressionError `STORE_CORRUPT`, `STORE_FULL` or `STORE_WRITE_FAILED`. */
  constructor(path: string, options: OpenOptions = {}) {
    this.path = path;
    this.#database = attempt(path, () => new wasm.Database(path, { readOnly: options.readOnly ?? false }));
    this.#database.function('satisfies', satisfiesJson, { deterministic: true });
  }

  get isInTransaction(): boolean {
    return this.#database.inTransaction;
  }

  /**
   * Locks the file for this connection alone and turns WAL mode on: the only mode in which this engine survives a kill. Call it
   * before anything is read.
   * @throws RegressionError `STORE_UNSAFE` when the engine refuses, which it does silently.
   */
  useWal(): void {
    this.exec('PRAGMA locking_mode = EXCLUSIVE');
    const [answer] = this.all<{ journal_mode: string }>('PRAGMA journal_mode = WAL');
    if (answer?.journal_mode === 'wal') return;
    throw new RegressionError(
      'STORE_UNSAFE',
      `${this.path}: the engine refused WAL mode (it says ${answer?.journal_mode})`,
      {
        hint: 'Without WAL a crash can damage the file. Is the data directory on an unusual file system?',
      },
    );
  }

  /** Runs several statements, without results. */
  exec(sql: string): void {
    attempt(this.path, () => this.#database.exec(sql));
  }

  /** Runs one statement, prepared once and kept. */
  run(sql: string, values: readonly SqlValue[] = []): void {
    attempt(this.path, () => this.#statement(sql).run([...values]));
  }

  /** All rows of one statement, prepared once and kept. Column names must differ. */
  all<Row>(sql: string, values: readonly SqlValue[] = []): Row[] {
    return attempt(this.path, () => this.#statement(sql).all([...values]) as Row[]);
  }

  /** The first row; the statement still runs to its end, so give it a LIMIT. */
  get<Row>(sql: string, values: readonly SqlValue[] = []): Row | undefined {
    return this.all<Row>(sql, values)[0];
  }

  /**
   * The rows of one statement, until `onRow` answers false. The statement is not kept; equal column names collapse, as everywhere.
   */
  each(sql: string, onRow: (row: Readonly<Record<string, SqlValue>>) => boolean): void {
    attempt(this.path, () => {
      const statement = this.#database.prepare(sql);
      try {
        for (const row of statement.iterate() as Iterable<Record<string, SqlValue>>) if (!onRow(row)) break;
      } finally {
        statement.finalize(); // a broken-off walk would hold its read
      }
    });
  }

  /** The program of a statement, which is compiled and not run. The statement is not kept. */
  explain<Instruction>(sql: string): Instruction[] {
    return attempt(this.path, () => {
      const statement = this.#database.prepare(`EXPLAIN ${sql}`);
      try {
        return statement.all() as Instruction[];
      } finally {
        statement.finalize();
      }
    });
  }

  /** Where a table or an index begins; 0 without it. */
  rootPageOf(name: string): number {
    return this.get<{ rootpage: number }>('SELECT rootpage FROM sqlite_schema WHERE name = ?', [name])?.rootpage ?? 0;
  }

  /** Runs `work` inside `BEGIN IMMEDIATE` .. `COMMIT`; rolls back and rethrows when it, or the commit, fails. */
  transaction<Result>(work: () => Result): Result {
    this.run('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.run('COMMIT');
      return result;
    } catch (error) {
      // A failed COMMIT may have ended the transaction already; a failed ROLLBACK is mended by reopening.
      if (this.isInTransaction) this.run('ROLLBACK');
      throw error;
    }
  }

  /** Finalises every statement, then closes. A second call does nothing. */
  close(): void {
    if (!this.#database.isOpen) return;
    for (const statement of this.#statements.values()) {
      try {
        statement.finalize();
      } catch {
        // finalize() repeats the error of the statement's last run, which its caller has already had
      }
    }
    this.#statements.clear();
    attempt(this.path, () => this.#database.close());
  }

  #statement(sql: string): wasm.Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** About what a row takes in memory, in bytes. */
export function bytesOfRow(row: Readonly<Record<string, SqlValue>>): number {
  let bytes = 0;
  for (const value of Object.values(row)) {
    bytes += typeof value === 'string' || value instanceof Uint8Array ? value.length + 8 : 8;
  }
  return bytes;
}

/** Tests as SQL statements carry them; a statement has few, and asks for each once a row. */
const tests = new Map<string, Test>();
const maxTests = 100;

/** The SQL function `satisfies(text, test)`: 1 when the text is there and satisfies the test (JSON of a `Test`), else 0. */
function satisfiesJson(text: unknown, json: unknown): number {
  let test = tests.get(String(json));
  if (test === undefined) {
    if (tests.size >= maxTests) tests.clear();
    test = JSON.parse(String(json)) as Test;
    tests.set(String(json), test);
  }
  return satisfies(text === null ? null : String(text), test) ? 1 : 0;
}

/** SQLite's own message texts (sqlite3_errstr), which is all that the package passes on, and one of Node's. */
const codeByText: readonly (readonly [text: string, code: ErrorCode])[] = [
  ['database or disk is full', 'STORE_FULL'],
  ['ENOSPC', 'STORE_FULL'],
  ['disk image is malformed', 'STORE_CORRUPT'],
  ['malformed database schema', 'STORE_CORRUPT'],
  ['file is not a database', 'STORE_CORRUPT'],
  ['unsupported file format', 'STORE_CORRUPT'],
];

/** Whatever the system answered a write: the package passes no reason on. */
const anyFailure = 'disk I/O error';
/** With less than this free, room is what was missing. A page has 16 KiB, a transaction some of them. */
const fullBelowBytes = 1024 * 1024;

function isDiskFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < fullBelowBytes;
  } catch {
    return false; // the directory is gone, or the path names none
  }
}

const hints: Partial<Record<ErrorCode, string>> = {
  STORE_FULL: 'Free disk space; inputs that can wait go on by themselves.',
  STORE_CORRUPT: 'Keep the file for salvage, restore a backup or start on an empty data directory.',
};

function attempt<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw asStoreError(path, error);
  }
}

/** What the engine, or the file system on its way to it, has thrown, as an error that says whether to try again. */
export function asStoreError(path: string, error: unknown): RegressionError {
  if (error instanceof RegressionError) return error;
  const said = messageOf(error);
  const text = said.includes(anyFailure) && isDiskFull(path) ? 'database or disk is full' : said;
  const code = codeByText.find(([part]) => text.includes(part))?.[1] ?? 'STORE_WRITE_FAILED';
  const hint = hints[code];
  return new RegressionError(code, `${path}: ${text}`, {
    cause: error,
    retryable: code !== 'STORE_CORRUPT',
    ...(hint === undefined ? {} : { hint }),
  });
}
