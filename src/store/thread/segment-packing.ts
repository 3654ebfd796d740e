/**
 * Writes a sealed segment as one file to keep or to give away, and gets it back.
 *
 * `sqlite.zst` is the segment without the indexes that sealing built, which can be built again: what comes back is a closed file.
 * `ndjson.zst` has the rows as the endpoint prints them; `parquet` the same rows as columns, metadata as JSON: of these
 * segment-rebuilding.ts makes a closed file again.
 */
import { createHash } from 'node:crypto';
import { chmodSync, createReadStream, createWriteStream, rmSync } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants as zlib, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { ParquetWriter, fileWriter, schemaFromColumnData } from 'hyparquet-writer';
import { RegressionError, messageOf, systemCodeOf } from '../../runtime/errors.ts';
import type { LogRow, RowPlace } from '../../search/request.ts';
import type { ArchiveFormat } from '../archive-format.ts';
import type { HashedFile } from '../file-jobs.ts';
import { closeAlias, openAlias } from './alias.ts';
import { syncPath } from '../durable-rename.ts';
import { copyFile } from './file-checks.ts';
import { hashFile } from './file-hash.ts';
import { removeDatabase } from './new-database.ts';
import { placeOf, readLines } from './row-lines.ts';
import { dropIndexesOfSealing } from './segment-applications.ts';
import { Sqlite } from './sqlite.ts';

const cacheBytes = 8 * 1024 * 1024;
const rowsAtOnce = 5000;
/** Of a row group of Parquet: what readers skip by, and what is held in memory. */
const rowsPerGroup = 20_000;

/** A tenth smaller than the default for half as much time again; the window is within what every decoder takes (RFC 8878, 128 MiB). */
const zstdOptions = { params: { [zlib.ZSTD_c_compressionLevel]: 6, [zlib.ZSTD_c_windowLog]: 24 } };

/** @returns what the packed file is. */
export async function packSegment(path: string, to: string, format: ArchiveFormat): Promise<HashedFile> {
  rmSync(to, { force: true });
  switch (format) {
    case 'sqlite.zst':
      await packDatabase(path, to);
      break;
    case 'ndjson.zst':
      await withRows(path, to, async (rows) => {
        await pipeline(
          Readable.from(textOf(rows)),
          createZstdCompress(zstdOptions),
          createWriteStream(to, { mode: 0o600 }),
        );
      });
      break;
    case 'parquet':
      await withRows(path, to, (rows) => writeParquet(rows, to));
      break;
    default:
      throw new Error(`unknown format ${String(format satisfies never)}`);
  }
  chmodSync(to, 0o600);
  syncPath(to);
  return hashFile(to);
}

export async function unpackFile(path: string, to: string): Promise<HashedFile> {
  rmSync(to, { force: true });
  const hash = createHash('sha256');
  let bytes = 0;
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    await pipeline(createReadStream(path), createZstdDecompress(), counting, createWriteStream(to, { mode: 0o600 }));
  } catch (error) {
    if (/^E(?!RR_)/.test(systemCodeOf(error) ?? '')) throw error; // of the disk; those of zstd begin with a Z
    throw new RegressionError('BACKUP_INVALID', `${path} cannot be unpacked: ${messageOf(error)}`, { cause: error });
  }
  syncPath(to);
  return { bytes, sha256: hash.digest('hex') };
}

async function packDatabase(path: string, to: string): Promise<void> {
  const workPath = `${to}.work`;
  const slimPath = `${to}.slim`;
  try {
    copyFile(path, workPath);
    removeDatabase(slimPath);
    const database = new Sqlite(workPath);
    try {
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF');
      dropIndexesOfSealing(database);
      database.run('VACUUM INTO ?', [slimPath]);
    } finally {
      database.close();
    }
    await pipeline(createReadStream(slimPath), createZstdCompress(zstdOptions), createWriteStream(to, { mode: 0o600 }));
  } finally {
    removeDatabase(workPath);
    removeDatabase(slimPath);
  }
}

/** JSON texts of the rows, in the order of their ids. */
async function withRows(path: string, to: string, work: (rows: Generator<string>) => Promise<void>): Promise<void> {
  const directory = `${to}.alias`;
  rmSync(directory, { recursive: true, force: true });
  const database = openAlias(path, directory, { withWal: false, cacheBytes });
  try {
    await work(rowsOf(database));
  } finally {
    closeAlias(database, directory);
  }
}

function* rowsOf(database: Sqlite): Generator<string> {
  let after: RowPlace | undefined;
  for (;;) {
    const lines = readLines(database, { filter: {}, order: 'arrival', limit: rowsAtOnce, after });
    yield* lines;
    const last = lines.at(-1);
    if (last === undefined) return;
    after = placeOf(last);
  }
}

function* textOf(rows: Generator<string>): Generator<string> {
  let text = '';
  for (const row of rows) {
    text += `${row}\n`;
    if (text.length < 65_536) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

function columnsOf(rows: readonly LogRow[]) {
  const text = (
    name: 'severity' | 'application' | 'version' | 'environment' | 'source' | 'message',
    nullable = false,
  ) => ({
    name,
    type: 'STRING' as const,
    nullable,
    data: rows.map((row) => row[name]),
  });
  return [
    { name: 'id', type: 'INT64' as const, nullable: false, data: rows.map(({ id }) => BigInt(id)) },
    { name: 'timestamp', data: rows.map(({ timestamp }) => microsecondsOf(timestamp)) },
    text('severity'),
    text('application'),
    text('version', true),
    text('environment', true),
    text('source'),
    text('message'),
    {
      name: 'metadata',
      type: 'JSON' as const,
      nullable: false,
      data: rows.map(({ metadata }) => keepingProto(metadata)),
    },
  ];
}

/** The writer copies every object that has a prototype, member by member, and loses the key `__proto__` in that. */
function keepingProto(metadata: LogRow['metadata']): object {
  return Object.setPrototypeOf(metadata, null) as object;
}

/** Of `2026-11-24T03:00:00.123456Z`, since 1970. */
function microsecondsOf(timestamp: string): bigint {
  return BigInt(Date.parse(`${timestamp.slice(0, 23)}Z`)) * 1000n + BigInt(timestamp.slice(23, 26));
}

/** TIMESTAMP(MICROS, UTC): Parquet's LogicalTypes.md. */
const timestampElement = {
  name: 'timestamp',
  type: 'INT64',
  repetition_type: 'REQUIRED',
  converted_type: 'TIMESTAMP_MICROS',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
} as const;

async function writeParquet(rows: Generator<string>, to: string): Promise<void> {
  const schema = schemaFromColumnData({ columnData: columnsOf([]), schemaOverrides: { timestamp: timestampElement } });
  const writer = new ParquetWriter({ writer: fileWriter(to), schema, codec: 'SNAPPY' });
  let group: LogRow[] = [];
  const flush = async (): Promise<void> => {
    if (group.length > 0) await writer.write({ columnData: columnsOf(group), rowGroupSize: rowsPerGroup });
    group = [];
  };
  for (const row of rows) {
    group.push(JSON.parse(row) as LogRow);
    if (group.length >= rowsPerGroup) await flush();
  }
  await flush();
  await writer.finish();
}
