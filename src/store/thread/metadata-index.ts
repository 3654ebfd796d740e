/**
 * Builds the index on `logs_metadata (metadata_type, metadata_value)` of a segment that is being sealed, a few metadata types at a time.
 *
 * CREATE INDEX sorts all pairs at once, in memory that the engine never gives back (there is no temporary file in this build), and
 * compares whole records a dozen times each: most of what sealing cost. Here the pairs are read from the table's pages, sorted by their
 * bytes and written as the pages of the index (pages/); the engine makes the empty index before, and checks the full one afterwards.
 */
import { RegressionError } from '../../runtime/errors.ts';
import { free } from '../../runtime/free.ts';
import { sortedStrings } from './pages/byte-order.ts';
import { IndexPages } from './pages/index-pages.ts';
import { PageFile, Varints, writeVarint } from './pages/page-file.ts';
import { readTable } from './pages/table-pages.ts';
import type { Sqlite } from './sqlite.ts';

const definition = 'CREATE INDEX logs_metadata_type_value ON logs_metadata (metadata_type, metadata_value)';

/** Where the two trees begin. */
export interface MetadataRoots {
  readonly table: number;
  readonly index: number;
}

/** What is held in memory of one reading of the table, but for at least one type: some 20 bytes a pair beside the values. */
export interface IndexingBounds {
  readonly pairs: number;
  readonly valueBytes: number;
}
const defaultBounds: IndexingBounds = { pairs: 1_000_000, valueBytes: 16 * 1024 * 1024 };

/**
 * Enters the index into the schema, without a record. A table without row ids whose primary key is (type, value, id) has the same tree
 * as the index (https://sqlite.org/fileformat.html sections 2.4 and 2.5), so the engine makes that and it is renamed.
 */
export function declareMetadataIndex(database: Sqlite): MetadataRoots {
  database.exec(`CREATE TABLE metadata_pairs (
    metadata_type TEXT NOT NULL, metadata_value TEXT NOT NULL, id INTEGER NOT NULL,
    PRIMARY KEY (metadata_type, metadata_value, id)) WITHOUT ROWID`);
  database.exec('PRAGMA writable_schema = ON');
  database.run(
    `UPDATE sqlite_schema SET type = 'index', name = 'logs_metadata_type_value', tbl_name = 'logs_metadata', sql = ?
     WHERE name = 'metadata_pairs'`,
    [definition],
  );
  database.exec('PRAGMA writable_schema = RESET');
  return { table: database.rootPageOf('logs_metadata'), index: database.rootPageOf('logs_metadata_type_value') };
}

/** Fills the declared index of a file that nobody has open. What fails leaves the file unusable. */
export function fillMetadataIndex(path: string, roots: MetadataRoots, bounds = defaultBounds): void {
  const file = new PageFile(path, 'r+');
  try {
    const index = new IndexPages(file, roots.index);
    for (const types of inBounds(readTypes(file, roots.table), bounds)) {
      const pairs = readPairs(file, roots.table, types);
      for (const place of types.keys()) addPairs(index, pairs, place);
      for (const { buffer } of [pairs.ids, pairs.bytes, pairs.starts]) free(buffer);
    }
    index.finish();
    file.finish();
  } finally {
    file.close();
  }
}

/** @throws RegressionError `STORE_CORRUPT` when the index does not hold every pair. */
export function refuseIncompleteIndex(database: Sqlite): void {
  const count = (how: string): number =>
    database.get<{ pairs: number }>(`SELECT count(*) AS pairs FROM logs_metadata ${how}`)?.pairs ?? 0;
  const indexed = count('INDEXED BY logs_metadata_type_value');
  const stored = count('NOT INDEXED');
  if (indexed === stored) return;
  throw new RegressionError(
    'STORE_CORRUPT',
    `${database.path}: the index holds ${indexed} of ${stored} metadata rows`,
    {
      hint: 'The closed file still answers queries; check the disk.',
    },
  );
}

interface MetadataType {
  readonly bytes: Buffer;
  pairs: number;
  valueBytes: number;
}

/** The pairs of some types: those of one lie together, in the order of their ids. */
interface Pairs {
  readonly types: readonly MetadataType[];
  /** Number of the first pair of each type, and of all pairs. */
  readonly firsts: readonly number[];
  readonly ids: Float64Array<ArrayBuffer>;
  readonly bytes: Buffer<ArrayBuffer>;
  readonly starts: Uint32Array<ArrayBuffer>;
}

/** All types, in the order of the index. */
function readTypes(file: PageFile, root: number): readonly MetadataType[] {
  const types = new TypesByName();
  readPairsOf(file, root, (_, bytes, typeAt, valueAt, valueBytes) => {
    const type = types.of(bytes, typeAt, valueAt);
    type.pairs++;
    type.valueBytes += valueBytes;
  });
  return types.all.toSorted((a, b) => Buffer.compare(a.bytes, b.bytes));
}

/** Cuts the types into runs within the bounds. */
function inBounds(types: readonly MetadataType[], bounds: IndexingBounds): MetadataType[][] {
  const runs: MetadataType[][] = [];
  let left = { pairs: 0, valueBytes: 0 };
  for (const type of types) {
    if (type.pairs > left.pairs || type.valueBytes > left.valueBytes) {
      runs.push([]);
      left = { ...bounds };
    }
    runs.at(-1)?.push(type);
    left = { pairs: left.pairs - type.pairs, valueBytes: left.valueBytes - type.valueBytes };
  }
  return runs;
}

function readPairs(file: PageFile, root: number, types: readonly MetadataType[]): Pairs {
  const known = new TypesByName(types);
  const firsts = [0];
  const firstBytes = [0];
  for (const [place, { pairs, valueBytes }] of types.entries()) {
    firsts.push((firsts[place] ?? 0) + pairs);
    firstBytes.push((firstBytes[place] ?? 0) + valueBytes);
  }
  const ids = new Float64Array(firsts.at(-1) ?? 0);
  const bytes = Buffer.allocUnsafeSlow(firstBytes.at(-1) ?? 0);
  const starts = new Uint32Array(ids.length + 1);
  const places = new Map(types.map((type, place) => [type, place]));
  const nextPair = [...firsts];
  const nextByte = [...firstBytes];
  readPairsOf(file, root, (id, from, typeAt, valueAt, valueBytes) => {
    const place = places.get(known.of(from, typeAt, valueAt));
    if (place === undefined) return;
    const pair = nextPair[place] ?? 0;
    const to = nextByte[place] ?? 0;
    ids[pair] = id;
    starts[pair] = to;
    for (let at = 0; at < valueBytes; at++) bytes[to + at] = from[valueAt + at] ?? 0;
    nextPair[place] = pair + 1;
    nextByte[place] = to + valueBytes;
  });
  starts[ids.length] = bytes.length;
  return { types, firsts, ids, bytes, starts };
}

type OnPair = (id: number, bytes: Uint8Array, typeAt: number, valueAt: number, valueBytes: number) => void;

/** The columns of a record are id, log_id, metadata_type, metadata_value, app_version; the id is the row's own. */
function readPairsOf(file: PageFile, root: number, onPair: OnPair): void {
  const varints = new Varints();
  readTable(file, root, (id, bytes, at) => {
    varints.at = at;
    const headerBytes = varints.next(bytes);
    const idType = varints.next(bytes);
    const logIdType = varints.next(bytes);
    const typeBytes = textBytes(file, varints.next(bytes));
    const valueBytes = textBytes(file, varints.next(bytes));
    const typeAt = at + headerBytes + numberBytes(idType) + numberBytes(logIdType);
    onPair(id, bytes, typeAt, typeAt + typeBytes, valueBytes);
  });
}

/** Serial types: https://sqlite.org/fileformat.html section 2.1. */
function numberBytes(serialType: number): number {
  return [0, 1, 2, 3, 4, 6, 8, 8, 0, 0][serialType] ?? 0;
}

function textBytes(file: PageFile, serialType: number): number {
  if (serialType >= 13 && serialType % 2 === 1) return (serialType - 13) / 2;
  throw file.corrupt('metadata that is no text');
}

/** Finds the type of a pair; most often it is the one that followed the last one the time before. */
class TypesByName {
  readonly all: MetadataType[] = [];
  readonly #byName = new Map<string, MetadataType>();
  readonly #followers = new Map<MetadataType | null, MetadataType>();
  #last: MetadataType | null = null;

  constructor(types: readonly MetadataType[] = []) {
    for (const type of types) this.#add(type);
  }

  /** @param end of the type's name. It is a new type when it is not known. */
  of(bytes: Uint8Array, at: number, end: number): MetadataType {
    const follower = this.#followers.get(this.#last);
    if (follower !== undefined && equals(follower.bytes, bytes, at, end)) {
      this.#last = follower;
      return follower;
    }
    const name = Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at);
    const type =
      this.#byName.get(name.toString('latin1')) ?? this.#add({ bytes: Buffer.from(name), pairs: 0, valueBytes: 0 });
    this.#followers.set(this.#last, type);
    this.#last = type;
    return type;
  }

  #add(type: MetadataType): MetadataType {
    this.all.push(type);
    this.#byName.set(type.bytes.toString('latin1'), type);
    return type;
  }
}

function equals(wanted: Buffer, bytes: Uint8Array, start: number, end: number): boolean {
  if (wanted.length !== end - start) return false;
  for (let at = 0; at < wanted.length; at++) if (wanted[at] !== bytes[start + at]) return false;
  return true;
}

/** The records of one type, sorted by value; equal values stay in the order of ids, which is the third column. */
function addPairs(index: IndexPages, { types, firsts, ids, bytes, starts }: Pairs, place: number): void {
  const { bytes: name } = types[place] as MetadataType;
  let record = Buffer.alloc(4096);
  const order = sortedStrings({ bytes, starts }, firsts[place] ?? 0, firsts[place + 1] ?? 0);
  for (const pair of order) {
    const from = starts[pair] ?? 0;
    const valueBytes = (starts[pair + 1] ?? 0) - from;
    const mostBytes = name.length + valueBytes + 24;
    if (mostBytes > record.length) record = Buffer.alloc(mostBytes * 2);
    index.add(record, writeRecord(record, name, bytes, from, valueBytes, ids[pair] ?? 0));
  }
  free(order.buffer);
}

/** @returns the record's length. */
function writeRecord(
  record: Buffer,
  name: Buffer,
  bytes: Buffer,
  from: number,
  valueBytes: number,
  id: number,
): number {
  const typeSerial = name.length * 2 + 13;
  const valueSerial = valueBytes * 2 + 13;
  let at = writeVarint(record, 1, typeSerial);
  at = writeVarint(record, at, valueSerial);
  const idBytes = id < 0x80000000 ? 4 : id < 0x800000000000 ? 6 : 8;
  record[at++] = idBytes === 4 ? 4 : idBytes === 6 ? 5 : 6;
  record[0] = at; // the header's length, itself included: three numbers of up to 4 bytes
  for (let byte = 0; byte < name.length; byte++) record[at++] = name[byte] ?? 0;
  for (let byte = 0; byte < valueBytes; byte++) record[at++] = bytes[from + byte] ?? 0;
  if (idBytes === 4) return record.writeInt32BE(id, at);
  if (idBytes === 6) return record.writeIntBE(id, at, 6);
  return record.writeBigInt64BE(BigInt(id), at);
}
