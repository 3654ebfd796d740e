/**
 * Makes a closed file again of rows that were archived as NDJSON or Parquet: the same rows under the same ids.
 *
 * The ids of its applications are its own; see segment-applications.ts.
 */
import { createReadStream, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { RegressionError, messageOf } from '../../runtime/errors.ts';
import type { ArchiveFormat } from '../archive-format.ts';
import { syncPath } from '../durable-rename.ts';
import { createDatabase } from './new-database.ts';
import { Sqlite } from './sqlite.ts';

/** Both bound what is in memory at once. */
const rowsAtOnce = 5000;
const charactersAtOnce = 4 * 1024 * 1024;

/** Each takes a JSON array of rows, as the endpoint prints them. */
const insertions = [
  `INSERT OR IGNORE INTO applications (name, version, environment, created_at)
   SELECT DISTINCT value ->> 'application', value ->> 'version', value ->> 'environment', value ->> 'timestamp' FROM jsonb_each(?1)`,
  `INSERT INTO logs (id, timestamp, severity, application_id, source, message)
   SELECT value ->> 'id', value ->> 'timestamp', value ->> 'severity',
     (SELECT id FROM applications WHERE name = value ->> 'application' AND ifnull(version, '') = ifnull(value ->> 'version', '')
        AND ifnull(environment, '') = ifnull(value ->> 'environment', '')),
     value ->> 'source', value ->> 'message' FROM jsonb_each(?1)`,
  // The place of a pair is that in the text: json_each.id rises with it.
  `INSERT INTO logs_metadata (id, log_id, metadata_type, metadata_value, app_version)
   SELECT (log.value ->> 'id') * 1024 + row_number() OVER (PARTITION BY log.key ORDER BY pair.id) - 1, log.value ->> 'id', pair.key,
     pair.value, log.value ->> 'version' FROM jsonb_each(?1) log CROSS JOIN json_each(log.value, '$.metadata') pair`,
];

/** @throws RegressionError `BACKUP_INVALID` for a file that is not what its name says. */
export async function rebuildSegment(
  path: string,
  to: string,
  format: Exclude<ArchiveFormat, 'sqlite.zst'>,
): Promise<void> {
  createDatabase(to, 0);
  const database = new Sqlite(to);
  try {
    database.useWal(); // the file is thrown away when a kill leaves it half
    database.exec('PRAGMA synchronous = OFF');
    for await (const rows of format === 'parquet' ? parquetRows(path) : textRows(path)) {
      database.transaction(() => {
        for (const insertion of insertions) database.run(insertion, [`[${rows.join(',')}]`]);
      });
    }
  } catch (error) {
    // What is no JSON is `malformed` to the engine, as a damaged file is.
    const isOfContent = !(error instanceof RegressionError) || /^STORE_(?:WRITE_FAILED|CORRUPT)$/.test(error.code);
    if (!isOfContent) throw error;
    throw new RegressionError('BACKUP_INVALID', `${path} cannot be read as ${format}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    database.close();
  }
  rmSync(`${to}-wal`, { force: true }); // emptied by closing
  syncPath(to);
}

async function* textRows(path: string): AsyncGenerator<string[]> {
  const text = createZstdDecompress();
  const read = pipeline(createReadStream(path), text);
  read.catch(() => undefined); // its reader below has the error too
  text.setEncoding('utf8');
  let rows: string[] = [];
  let characters = 0;
  let rest = '';
  for await (const part of text as AsyncIterable<string>) {
    const lines = (rest + part).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      rows.push(line);
      characters += line.length;
      if (rows.length < rowsAtOnce && characters < charactersAtOnce) continue;
      yield rows;
      rows = [];
      characters = 0;
    }
  }
  if (rest !== '') throw new Error('its last line is not complete');
  if (rows.length > 0) yield rows;
}

async function* parquetRows(path: string): AsyncGenerator<string[]> {
  const file = await asyncBufferFromFile(path);
  const parsers = { timestampFromMicroseconds: timestampOf, stringFromBytes: textOf };
  const metadata = await parquetMetadataAsync(file, { parsers });
  const total = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < total; rowStart += rowsAtOnce) {
    const rowEnd = Math.min(rowStart + rowsAtOnce, total);
    const rows = await parquetReadObjects({ file, metadata, parsers, rowStart, rowEnd });
    yield rows.map((row) => JSON.stringify({ ...row, id: Number(row['id']) }));
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true }); // a message may begin with one

function textOf(bytes: Uint8Array | undefined): string | null {
  return bytes === undefined ? null : decoder.decode(bytes);
}

/** `2026-11-24T03:00:00.123456Z` */
function timestampOf(microseconds: bigint): string {
  const below = ((microseconds % 1000n) + 1000n) % 1000n;
  const text = new Date(Number((microseconds - below) / 1000n)).toISOString();
  return `${text.slice(0, -1)}${String(below).padStart(3, '0')}Z`;
}
