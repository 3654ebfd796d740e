/**
 * What a reader thread knows of the rows of files that are not sealed, which have no index for it: the text blocks (text-blocks.ts) of those that
 * were asked for a text, the pairs (pair-hashes.ts) of those that were asked for metadata, as far as they have been read. Both name a
 * file by its first id: a hot file's stay good when it is closed.
 */
import type { IdRange } from '../../search/request.ts';
import type { Segment } from '../segments.ts';
import { idRangeOf } from './file-checks.ts';
import { idsWithPair, idsWithTexts } from './found-bytes.ts';
import { PairHash, PairHashes, pairHashOf } from './pair-hashes.ts';
import { type PageReader, fromPages, isUnreadable } from './pages/page-file.ts';
import { Columns } from './pages/record-columns.ts';
import { TableCursor } from './pages/table-pages.ts';
import type { Sqlite } from './sqlite.ts';
import { TextBlocks, fewestRowsForBlocks, idsInBlocks } from './text-blocks.ts';
import { type TextCandidates, idCandidates } from './text-index.ts';

/**
 * Rows that a question reads beside its own work, some 30 to 50 ms; with more missing it goes on without, and the next one reads on: a hot file of the
 * usual size is known after some ten questions.
 */
const mostRowsAtOnce = 25_000;
/** Ids that one file may span: else most of them were never given to a row. */
const mostIds = 4_000_000;
/** The hot file, and those that wait to be sealed. A row takes some 17 bytes for its text, and 4 for each pair. */
const mostFiles = 4;

export interface UnsealedFile {
  readonly database: Sqlite;
  /** Of the file as `database` sees it, or with more rows at the end. */
  openPages(): PageReader;
}

interface Known<Content> {
  readonly content: Content;
  /** What of the file's rows is in it: those up to this one. */
  untilId: number;
}

interface KnownFile<Content> extends Readonly<Known<Content>> {
  readonly range: IdRange;
}

export type Pair = readonly [type: string, value: string];

export class UnsealedRows {
  readonly #texts: KnownFiles<TextBlocks>;
  readonly #pairs: KnownFiles<PairHashes>;

  constructor({ rowsAtOnce = mostRowsAtOnce } = {}) {
    this.#texts = new KnownFiles((range) => new TextBlocks(range), addTexts, rowsAtOnce);
    this.#pairs = new KnownFiles(({ firstId }) => new PairHashes(firstId), addPairs, rowsAtOnce);
  }

  /** True where a question finds all that it needs to know of the rows, or almost all. */
  isKnown(file: UnsealedFile, { texts, pairs }: Readonly<Record<'texts' | 'pairs', readonly unknown[]>>): boolean {
    return (
      (texts.length === 0 || this.#texts.isAlmostKnown(file)) && (pairs.length === 0 || this.#pairs.isAlmostKnown(file))
    );
  }

  /** Null when they cannot be told, or are more than one in ten rows. */
  textCandidates(file: UnsealedFile, texts: readonly string[]): TextCandidates | null {
    const among = ({ content, untilId, range }: KnownFile<TextBlocks>): number[] | null => {
      const bitmapsOf = (bits: readonly number[]): Uint8Array[] => bits.map((bit) => content.bitmap(bit));
      return idsInBlocks(texts, { ...range, lastId: untilId }, bitmapsOf, rowsOf(range) / 10);
    };
    const known = this.#texts.of(file, (before) => among(before) === null);
    const ids = known && among(known);
    if (known === null || ids === null) return null;
    const { untilId, range } = known;
    if (untilId === range.lastId) return idCandidates(ids);
    const others = this.#read(file, 'logs', (pages, root) =>
      idsWithTexts(pages, root, [untilId + 1, range.lastId], texts, 10),
    );
    return others && idCandidates([...ids, ...others]);
  }

  /**
   * Null when they cannot be told; `many` for more than one in `factor` of the rows.
   * @param pairs that each row has; at least one.
   */
  pairCandidates(file: UnsealedFile, pairs: readonly Pair[], factor: number): TextCandidates | 'many' | null {
    const hashes = pairs.map(([type, value]) => pairHashOf(type, value));
    const known = this.#pairs.of(file);
    if (known === null) return null;
    const { content, untilId, range } = known;
    const most = Math.floor(rowsOf(range) / factor);
    const ids = content.idsWith(hashes, most);
    if (ids === null) return 'many';
    if (untilId === range.lastId) return idCandidates(ids);
    const longest = pairs.reduce((one, other) => (one.join('').length < other.join('').length ? other : one));
    const others = this.#read(file, 'logs_metadata', (pages, root) =>
      idsWithPair(pages, root, [untilId + 1, range.lastId], longest, most - ids.length),
    );
    return Array.isArray(others) ? idCandidates([...ids, ...others]) : others;
  }

  /** Null where the file cannot be read. */
  #read<Found>(file: UnsealedFile, table: string, find: (pages: PageReader, root: number) => Found): Found | null {
    const openPages = (): PageReader => file.openPages();
    return fromPages(openPages, (open) => find(open(), file.database.rootPageOf(table)));
  }

  /** Of files that have been sealed or dropped nothing is kept. */
  keepOnly(segments: readonly Segment[]): void {
    this.#texts.keepOnly(segments);
    this.#pairs.keepOnly(segments);
  }
}

type Add<Content> = (file: UnsealedFile, content: Content, afterId: number, untilId: number) => void;

class KnownFiles<Content> {
  /** By first id, the longest unused first. */
  readonly #files = new Map<number, Known<Content>>();
  readonly #begin: (range: IdRange) => Content;
  readonly #add: Add<Content>;
  readonly #rowsAtOnce: number;

  constructor(begin: (range: IdRange) => Content, add: Add<Content>, rowsAtOnce: number) {
    this.#begin = begin;
    this.#add = add;
    this.#rowsAtOnce = rowsAtOnce;
  }

  /**
   * Null where it is not worth it, or the file cannot be read.
   * @param isEnough nothing more is read where what is known says all that is asked.
   */
  of(file: UnsealedFile, isEnough: (known: KnownFile<Content>) => boolean = () => false): KnownFile<Content> | null {
    const range = rangeOf(file);
    if (range === null) return null;
    const { firstId, lastId } = range;
    const known = this.#known(range);
    if (known.untilId < lastId && isEnough({ ...known, range })) return { ...known, range };
    const untilId = Math.min(known.untilId + this.#rowsAtOnce, lastId);
    try {
      if (untilId > known.untilId) this.#add(file, known.content, known.untilId, untilId);
    } catch (error) {
      this.#files.delete(firstId); // it may have half of them
      if (!isUnreadable(error)) throw error;
      return null;
    }
    known.untilId = untilId;
    return { ...known, range };
  }

  /** True where the next question knows all, and where nothing is gained by knowing it. */
  isAlmostKnown(file: UnsealedFile): boolean {
    const range = rangeOf(file);
    if (range === null) return true;
    const { untilId = range.firstId - 1 } = this.#files.get(range.firstId) ?? {};
    return untilId + this.#rowsAtOnce >= range.lastId;
  }

  keepOnly(segments: readonly Segment[]): void {
    const lastId = segments.at(-1)?.lastId ?? 0;
    for (const firstId of this.#files.keys()) {
      const isClosed = segments.some((segment) => segment.firstId === firstId && segment.state === 'closed');
      if (firstId <= lastId && !isClosed) this.#files.delete(firstId);
    }
  }

  #known({ firstId, lastId }: IdRange): Known<Content> {
    const before = this.#files.get(firstId);
    // A file with fewer rows than it had is another one: what could be saved of a damaged one.
    const known =
      before !== undefined && before.untilId <= lastId
        ? before
        : {
            content: this.#begin({ firstId, lastId: Math.min(lastId, firstId + this.#rowsAtOnce) }),
            untilId: firstId - 1,
          };
    this.#files.delete(firstId);
    this.#files.set(firstId, known);
    for (const oldest of this.#files.keys()) if (this.#files.size > mostFiles) this.#files.delete(oldest);
    return known;
  }
}

/** Null for a file of few rows, or of many ids that no row has. */
function rangeOf({ database }: UnsealedFile): IdRange | null {
  const range = idRangeOf(database);
  const ids = range === null ? 0 : range.lastId - range.firstId;
  return ids < fewestRowsForBlocks || ids > mostIds ? null : range;
}

function rowsOf({ firstId, lastId }: IdRange): number {
  return lastId - firstId + 1;
}

function addTexts(file: UnsealedFile, blocks: TextBlocks, afterId: number, untilId: number): void {
  readRows(file, 'logs', [afterId + 1, untilId + 1], 6, (id, bytes, columns) =>
    blocks.add(id, bytes, columns.start(5), columns.length(5)),
  );
}

function addPairs(file: UnsealedFile, pairs: PairHashes, afterId: number, untilId: number): void {
  const range = [(afterId + 1) * 1024, (untilId + 1) * 1024] as const;
  readRows(file, 'logs_metadata', range, 4, (id, bytes, columns) => {
    const hash = new PairHash()
      .add(bytes, columns.start(2), columns.length(2))
      .add(bytes, columns.start(3), columns.length(3));
    pairs.add(Math.floor(id / 1024), hash.value);
  });
}

function readRows(
  file: UnsealedFile,
  table: string,
  [firstId, endId]: readonly [first: number, end: number],
  columnCount: number,
  onRow: (id: number, bytes: Uint8Array, columns: Columns) => void,
): void {
  const pages = file.openPages();
  try {
    const rows = new TableCursor(pages, file.database.rootPageOf(table));
    const columns = new Columns(columnCount);
    rows.seek(firstId);
    while (rows.next() && rows.id < endId) {
      columns.find(rows.bytes, rows.at);
      onRow(rows.id, rows.bytes, columns);
    }
  } finally {
    pages.close();
  }
}
