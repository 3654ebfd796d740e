/**
 * The one connection that writes the hot file.
 *
 * EXCLUSIVE locking before the first read, then WAL: the only mode in which this engine survives a kill (its lock file makes
 * it take its own rollback journal for somebody else's). Checkpoints are always TRUNCATE and never run while a snapshot is
 * pinned: any other kind would restart the WAL over frames a snapshot has indexed.
 */
import { existsSync, rmSync, statSync } from 'node:fs';
import type { Application } from '../../record/log-record.ts';
import type {
  FileEvidence,
  FilePosition,
  Gap,
  IngestRequest,
  LineCount,
  StoredGap,
  StoredPosition,
} from '../../record/batch.ts';
import { RegressionError } from '../../runtime/errors.ts';
import type { EncodedBatch, WriterCalls, WriterOptions, WriterStats } from '../protocol.ts';
import type { StateCalls } from '../state.ts';
import { migrate } from './migrate.ts';
import { Sqlite } from './sqlite.ts';
import { callState } from './state/state-calls.ts';

const insertLogs = `
  INSERT INTO logs (id, timestamp, severity, application_id, source, message)
  SELECT ?1 + key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM jsonb_each(?2)`;

/** The first character of a key is the pair's place, see batch-encoding.ts. CROSS JOIN keeps the order: log, application, pairs. */
const insertMetadata = `
  INSERT INTO logs_metadata (id, log_id, metadata_type, metadata_value, app_version)
  SELECT (?1 + log.key) * 1024 + unicode(pair.key) - 1, ?1 + log.key, substr(pair.key, 2), pair.value, application.version
  FROM jsonb_each(?2) log
  CROSS JOIN applications application ON application.id = log.value ->> 2
  CROSS JOIN json_each(log.value, '$[5]') pair`;

const upsertPosition = `
  INSERT INTO file_positions
    (generation, path, device, inode, fingerprint, fingerprint_bytes, "offset", is_ended, first_seen_at, updated_at,
     start_offset, evidence, lines, rows)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13)
  ON CONFLICT (generation) DO UPDATE SET
    path = excluded.path, device = excluded.device, inode = excluded.inode, fingerprint = excluded.fingerprint,
    fingerprint_bytes = excluded.fingerprint_bytes, "offset" = excluded."offset", is_ended = excluded.is_ended,
    updated_at = excluded.updated_at, start_offset = excluded.start_offset, evidence = excluded.evidence,
    lines = file_positions.lines + excluded.lines, rows = file_positions.rows + excluded.rows`;

const insertGap = `
  INSERT INTO gaps (generation, path, start_offset, end_offset, reason, found_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`;

/** A key that is there already was looked for by its sender before: a conflict must not hold up the rows of others. */
const insertRequest = `
  INSERT INTO ingest_requests (request_key, body_digest, received_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING`;

/** How long a request is remembered: a sender that repeats it later than this has it stored twice. */
const requestMemoryMs = 24 * 3_600_000;

/** Reopen before the next append, though no append is in doubt: no id is negative. */
const nothingUncertain = -1;

export class Writer implements WriterCalls {
  readonly #options: WriterOptions;
  readonly #onReopened: (why: string) => void;
  readonly #pins = new Set<number>();
  #database: Sqlite;
  #walInode = 0;
  #lastId = 0;
  #lastPin = 0;
  #checkpoints = 0;
  #failedRun = -1;
  /** Set after a failed append whose outcome the file could not tell yet: the last id it would have given out. */
  #uncertainLastId: number | null = null;

  /** @throws RegressionError `STORE_UNSAFE`, `STORE_CORRUPT`, `STORE_TOO_NEW`, or what sqlite.ts throws. */
  constructor(options: WriterOptions, onReopened: (why: string) => void = () => undefined) {
    this.#options = options;
    this.#onReopened = onReopened;
    this.#database = this.#open();
    this.#lastId = this.#readLastId();
  }

  applicationIds(applications: readonly Application[]): readonly number[] {
    return this.#database.transaction(() => applications.map((application) => this.#applicationId(application)));
  }

  /**
   * @throws RegressionError `STORE_FULL`, `STORE_WRITE_FAILED` (both retryable, nothing of the batch is stored); the rest of
   * the batch's run is refused then.
   */
  append(batch: EncodedBatch): { readonly firstId: number } {
    if (batch.run <= this.#failedRun) {
      throw new RegressionError('STORE_WRITE_FAILED', 'an append before this one failed', { retryable: true });
    }
    if (this.#uncertainLastId !== null && this.#settle(batch)) return { firstId: this.#lastId - batch.rowCount + 1 };
    const firstId = this.#lastId + 1;
    try {
      this.#database.transaction(() => this.#insert(batch, firstId));
    } catch (error) {
      this.#uncertainLastId = this.#lastId + batch.rowCount;
      if (!this.#trySettle(batch)) {
        this.#failedRun = batch.run;
        throw error;
      }
      return { firstId };
    }
    this.#lastId += batch.rowCount;
    try {
      this.#watchWal();
    } catch {
      this.#uncertainLastId = nothingUncertain; // the batch is safe; the next append opens the file anew and says what is wrong
    }
    return { firstId: batch.rowCount === 0 ? 0 : firstId };
  }

  positions(): readonly StoredPosition[] {
    type Row = Omit<StoredPosition, 'isEnded' | 'evidence'> & { isEnded: number; evidence: string | null };
    return this.#database
      .all<Row>(
        `SELECT generation, path, device, inode, fingerprint, fingerprint_bytes AS fingerprintBytes, "offset",
           is_ended AS isEnded, start_offset AS startOffset, evidence, lines, rows, updated_at AS updatedAt
         FROM file_positions ORDER BY first_seen_at, generation`,
      )
      .map(({ isEnded, evidence, ...row }) => ({
        ...row,
        isEnded: isEnded === 1,
        ...(evidence === null ? {} : { evidence: JSON.parse(evidence) as FileEvidence }),
      }));
  }

  gaps(): readonly StoredGap[] {
    return this.#database.all<{ -readonly [Key in keyof StoredGap]: StoredGap[Key] }>(
      `SELECT generation, path, start_offset AS startOffset, end_offset AS endOffset, reason, found_at AS foundAt
       FROM gaps ORDER BY id`,
    );
  }

  findRequest(key: string): IngestRequest | null {
    const found = this.#database.get<{ bodyDigest: string }>(
      'SELECT body_digest AS bodyDigest FROM ingest_requests WHERE request_key = ?1 AND received_at > ?2',
      [key, requestsEnd()],
    );
    return found === undefined ? null : { key, bodyDigest: found.bodyDigest };
  }

  state(method: keyof StateCalls, args: readonly unknown[]): unknown {
    return callState(this.#database, method, args);
  }

  /** Never null for long: the caller asks again after an `unpin`. */
  tryPin(): { readonly pin: number } | null {
    if (this.#pins.size > 0 && this.walBytes() > this.#options.maxWalBytes) return null;
    this.#pins.add(++this.#lastPin);
    return { pin: this.#lastPin };
  }

  pin(): { readonly pin: number } {
    const granted = this.tryPin();
    if (granted === null) throw new RegressionError('STORE_WRITE_FAILED', 'the WAL is too long', { retryable: true });
    return granted;
  }

  unpin(pin: number): void {
    this.#pins.delete(pin);
    if (this.walBytes() > this.#options.checkpointBytes) this.checkpoint();
  }

  /** Moves the WAL's content into the database and empties it. Does nothing while a snapshot is pinned. */
  checkpoint(): void {
    if (this.#pins.size > 0 || this.walBytes() === 0) return;
    this.#database.all('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#checkpoints++;
  }

  walBytes(): number {
    return this.#isInMemory ? 0 : (statSync(`${this.#options.path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  }

  stats(): WriterStats {
    const databaseBytes = this.#isInMemory ? 0 : statSync(this.#options.path).size;
    return {
      lastId: this.#lastId,
      databaseBytes,
      walBytes: this.walBytes(),
      checkpoints: this.#checkpoints,
      pins: this.#pins.size,
    };
  }

  close(): void {
    this.#database.close();
  }

  /** For queries of the same thread (`:memory:`, tests). */
  get database(): Sqlite {
    return this.#database;
  }

  get #isInMemory(): boolean {
    return this.#options.path === ':memory:';
  }

  #open(): Sqlite {
    const { path, durability, cacheBytes } = this.#options;
    if (!this.#isInMemory) prepareToOpen(path);
    const database = new Sqlite(path);
    try {
      database.exec('PRAGMA page_size = 16384; PRAGMA locking_mode = EXCLUSIVE');
      const [answer] = database.all<{ journal_mode: string }>('PRAGMA journal_mode = WAL');
      if (answer?.journal_mode !== (this.#isInMemory ? 'memory' : 'wal')) {
        throw new RegressionError(
          'STORE_UNSAFE',
          `${path}: the engine refused WAL mode (it says ${answer?.journal_mode})`,
          {
            hint: 'Without WAL a crash can damage the file. Is the data directory on an unusual file system?',
          },
        );
      }
      database.exec(`
        PRAGMA synchronous = ${durability.toUpperCase()};
        PRAGMA wal_autocheckpoint = 0;
        PRAGMA cache_size = -${Math.floor(cacheBytes / 1024)};
        PRAGMA temp_store = MEMORY`);
      migrate(database);
      database.all('PRAGMA wal_checkpoint(TRUNCATE)'); // what a crash left in the WAL, and the migrations
      this.#walInode = this.#isInMemory ? 0 : statSync(`${path}-wal`).ino;
    } catch (error) {
      database.close();
      throw error;
    }
    return database;
  }

  #reopen(why: string): void {
    this.#pins.clear();
    try {
      this.#database.close();
    } catch {
      // the connection is given up either way; what counts is what the file says when it is opened again
    }
    this.#onReopened(why);
    this.#database = this.#open();
  }

  #readLastId(): number {
    const row = this.#database.get<{ seq: number }>(`SELECT seq FROM sqlite_sequence WHERE name = 'logs'`);
    return row?.seq ?? 0;
  }

  #applicationId({ name, version, environment }: Application): number {
    const find = () =>
      this.#database.get<{ id: number }>(
        `SELECT id FROM applications
         WHERE name = ?1 AND ifnull(version, '') = ifnull(?2, '') AND ifnull(environment, '') = ifnull(?3, '') LIMIT 1`,
        [name, version, environment],
      )?.id;
    const known = find();
    if (known !== undefined) return known;
    // A new release belongs to who owns the ones before.
    this.#database.run(
      `INSERT INTO applications (name, version, environment, created_at, owner_user_id) VALUES (?1, ?2, ?3, ?4,
         (SELECT owner_user_id FROM applications WHERE name = ?1 AND owner_user_id IS NOT NULL ORDER BY id DESC LIMIT 1))`,
      [name, version, environment, new Date().toISOString()],
    );
    return find() ?? 0;
  }

  #insert({ rows, rowCount, positions, gaps, requests, counts }: EncodedBatch, firstId: number): void {
    const now = new Date().toISOString();
    if (rowCount > 0) {
      this.#database.run(insertLogs, [firstId, rows]);
      this.#database.run(insertMetadata, [firstId, rows]);
    }
    const countOf = new Map(counts.map((count) => [count.generation, count]));
    for (const position of positions) {
      this.#database.run(upsertPosition, positionValues(position, countOf.get(position.generation), now));
    }
    for (const gap of gaps) this.#database.run(insertGap, gapValues(gap, now));
    if (requests.length === 0) return;
    this.#database.run('DELETE FROM ingest_requests WHERE received_at <= ?1', [requestsEnd()]);
    for (const { key, bodyDigest } of requests) this.#database.run(insertRequest, [key, bodyDigest, now]);
  }

  /**
   * A failed COMMIT is uncertain: its frames may stand complete in the WAL. A failed fsync is never believed when it is
   * repeated; so the file is opened anew, which recovers the WAL and checkpoints it (another write and fsync of the same
   * content), and the ids tell whether the batch is there.
   *
   * @param batch the failed batch, or its unchanged repetition: senders repeat a failed batch before they send another.
   * @returns true when the batch is stored.
   * @throws what opening throws (the disk is still full): the outcome stays uncertain.
   */
  #settle(batch: EncodedBatch): boolean {
    if (this.#isInMemory) {
      this.#uncertainLastId = null;
      return false;
    }
    this.#reopen('a write to the database file failed');
    const isStored = batch.rowCount > 0 && this.#readLastId() === this.#uncertainLastId;
    this.#uncertainLastId = null;
    this.#lastId = this.#readLastId();
    return isStored;
  }

  #trySettle(batch: EncodedBatch): boolean {
    try {
      return this.#settle(batch);
    } catch {
      return false; // the append's own error says more
    }
  }

  /** A native tool does not see our lock, and deletes the WAL when it closes: put everything into the file, start a new WAL. */
  #watchWal(): void {
    if (this.#isInMemory) return;
    const wal = statSync(`${this.#options.path}-wal`, { throwIfNoEntry: false });
    if (wal?.ino !== this.#walInode) {
      this.#database.all('PRAGMA wal_checkpoint(TRUNCATE)');
      this.#reopen('another program opened the database file and removed its WAL; nothing is lost');
    } else if (wal.size > this.#options.checkpointBytes) {
      this.checkpoint();
    }
  }
}

/** Only the holder of the data directory's lock gets here, so a lock left by a killed thread or process is stale. */
function prepareToOpen(path: string): void {
  rmSync(`${path}.lock`, { recursive: true, force: true });
  const journal = `${path}-journal`;
  if (existsSync(journal) && statSync(journal).size > 0) {
    throw new RegressionError('STORE_CORRUPT', `${journal}: another program crashed while writing ${path}`, {
      hint: 'Open and close it once with the sqlite3 shell, which rolls the journal back; then start again.',
    });
  }
}

/** Requests received up to here are forgotten. */
function requestsEnd(): string {
  return new Date(Date.now() - requestMemoryMs).toISOString();
}

function positionValues(position: FilePosition, count: LineCount | undefined, now: string) {
  const { generation, path, device, inode, fingerprint, fingerprintBytes, offset, isEnded, startOffset } = position;
  const evidence = position.evidence === undefined ? null : JSON.stringify(position.evidence);
  const identity = [generation, path, device, inode, fingerprint, fingerprintBytes];
  const counts = [count?.lines ?? 0, count?.rows ?? 0];
  return [...identity, offset, isEnded ? 1 : 0, now, startOffset ?? 0, evidence, ...counts];
}

function gapValues({ generation, path, startOffset, endOffset, reason }: Gap, now: string) {
  return [generation, path, startOffset, endOffset, reason, now];
}
