/**
 * The statements that put a batch into the tables: two for all rows of a batch, however many, and one a position or gap.
 */
import type {
  FileEvidence,
  FilePosition,
  Gap,
  IngestRequest,
  LineCount,
  StoredGap,
  StoredPosition,
} from '../../record/batch.ts';
import type { Application } from '../../record/log-record.ts';
import type { EncodedBatch } from '../protocol.ts';
import { appendPatterns } from './pattern-rows.ts';
import type { Sqlite } from './sqlite.ts';

const insertLogs = `
  INSERT INTO logs (id, timestamp, severity, application_id, source, message)
  SELECT ?1 + key, value ->> 0, value ->> 1, ?3 ->> (value ->> 2), value ->> 3, value ->> 4 FROM jsonb_each(?2)`;

/** The first character of a key is the pair's place, see batch-encoding.ts. CROSS JOIN keeps the order: log, application, pairs. */
const insertMetadata = `
  INSERT INTO logs_metadata (id, log_id, metadata_type, metadata_value, app_version)
  SELECT (?1 + log.key) * 1024 + unicode(pair.key) - 1, ?1 + log.key, substr(pair.key, 2), pair.value, application.version
  FROM jsonb_each(?2) log
  CROSS JOIN applications application ON application.id = ?3 ->> (log.value ->> 2)
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

/** Call it inside a transaction. Rows get the ids `firstId`, `firstId + 1` ... in the order of the batch. */
export function appendRows(database: Sqlite, batch: EncodedBatch, firstId: number): void {
  const { rows, rowCount, applicationIds, patterns, positions, gaps, requests, counts } = batch;
  const now = new Date().toISOString();
  if (rowCount > 0) {
    database.run(insertLogs, [firstId, rows, applicationIds]);
    database.run(insertMetadata, [firstId, rows, applicationIds]);
  }
  if (patterns !== null) appendPatterns(database, patterns, firstId);
  const countOf = new Map(counts.map((count) => [count.generation, count]));
  for (const position of positions) {
    database.run(upsertPosition, positionValues(position, countOf.get(position.generation), now));
  }
  for (const gap of gaps) database.run(insertGap, gapValues(gap, now));
  if (requests.length === 0) return;
  database.run('DELETE FROM ingest_requests WHERE received_at <= ?1', [requestsEnd()]);
  for (const { key, bodyDigest } of requests) database.run(insertRequest, [key, bodyDigest, now]);
}

/** The application's id; it is made when it is new. Call it inside a transaction. */
export function applicationIdOf(database: Sqlite, { name, version, environment }: Application): number {
  const find = () =>
    database.get<{ id: number }>(
      `SELECT id FROM applications
       WHERE name = ?1 AND ifnull(version, '') = ifnull(?2, '') AND ifnull(environment, '') = ifnull(?3, '') LIMIT 1`,
      [name, version, environment],
    )?.id;
  const known = find();
  if (known !== undefined) return known;
  // A new release belongs to who owns the ones before.
  database.run(
    `INSERT INTO applications (name, version, environment, created_at, owner_user_id) VALUES (?1, ?2, ?3, ?4,
       (SELECT owner_user_id FROM applications WHERE name = ?1 AND owner_user_id IS NOT NULL ORDER BY id DESC LIMIT 1))`,
    [name, version, environment, new Date().toISOString()],
  );
  return find() ?? 0;
}

export function findRequest(database: Sqlite, key: string): IngestRequest | null {
  const found = database.get<{ bodyDigest: string }>(
    'SELECT body_digest AS bodyDigest FROM ingest_requests WHERE request_key = ?1 AND received_at > ?2',
    [key, requestsEnd()],
  );
  return found === undefined ? null : { key, bodyDigest: found.bodyDigest };
}

export function readPositions(database: Sqlite): readonly StoredPosition[] {
  type Row = Omit<StoredPosition, 'isEnded' | 'evidence'> & { isEnded: number; evidence: string | null };
  return database
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

export function readGaps(database: Sqlite): readonly StoredGap[] {
  return database.all<{ -readonly [Key in keyof StoredGap]: StoredGap[Key] }>(
    `SELECT generation, path, start_offset AS startOffset, end_offset AS endOffset, reason, found_at AS foundAt
     FROM gaps ORDER BY id`,
  );
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
