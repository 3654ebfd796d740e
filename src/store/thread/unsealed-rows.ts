/**
 * What a reader thread knows of the rows of files that are not sealed, which have no index for it: the text blocks (text-blocks.ts) of those that
 * were asked for a text, the pairs (pair-hashes.ts) of those that were asked for metadata, as far as they have been read. Both name a
 * file by its first id: a hot file's stay good when it is closed.
 */
import type { Segment } from '../segments.ts';
import { PairHash, PairHashes, pairHashOf } from './pair-hashes.ts';
import { type PageReader, isUnreadable } from './pages/page-file.ts';
import { Columns } from './pages/record-columns.ts';
import { TableCursor } from './pages/table-pages.ts';
import type { Sqlite } from './sqlite.ts';
import { TextBlocks, blockCandidates, fewestRowsForBlocks } from './text-blocks.ts';
import { type TextCandidates, idCandidates } from './text-index.ts';

/**
 * Rows that a question may read beside its own work; with more missing it goes without. They take about as long as the engine takes to look through
 * as many, so the first question is no slower than without: a hot file of the usual size is known with it.
 */
const mostRowsAtOnce = 250_000;
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
  untilId: number;
}

export type Pair = readonly [type: string, value: string];

export class UnsealedRows {
  readonly #texts: KnownFiles<TextBlocks>;
  readonly #pairs: KnownFiles<PairHashes>;

  constructor({ rowsAtOnce = mostRowsAtOnce } = {}) {
    this.#texts = new KnownFiles((range) => new TextBlocks(range), addTexts, rowsAtOnce);
    this.#pairs = new KnownFiles(({ firstId }) => new PairHashes(firstId), addPairs, rowsAtOnce);
  }

  /** Null when they are not known, or do not help. */
  textCandidates(file: UnsealedFile, texts: readonly string[]): TextCandidates | null {
    const known = this.#texts.of(file);
    return known && blockCandidates(texts, known.range, (bits) => bits.map((bit) => known.content.bitmap(bit)));
  }

  /**
   * Null when they are not known; `many` for more than one in `factor` of the rows.
   * @param pairs that each row has; at least one.
   */
  pairCandidates(file: UnsealedFile, pairs: readonly Pair[], factor: number): TextCandidates | 'many' | null {
    const known = this.#pairs.of(file);
    if (known === null) return null;
    const { firstId, lastId } = known.range;
    const hashes = pairs.map(([type, value]) => pairHashOf(type, value));
    const ids = known.content.idsWith(hashes, Math.floor((lastId - firstId + 1) / factor));
    return ids === null ? 'many' : idCandidates(ids);
  }

  /** Of files that have been sealed or dropped nothing is kept. */
  keepOnly(segments: readonly Segment[]): void {
    this.#texts.keepOnly(segments);
    this.#pairs.keepOnly(segments);
  }
}

interface IdRange {
  readonly firstId: number;
  readonly lastId: number;
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

  /** Null while not all rows of the file have been read, or where that is not worth it. */
  of(file: UnsealedFile): { readonly content: Content; readonly range: IdRange } | null {
    const found = file.database.get<{ firstId: number | null; lastId: number | null }>(
      'SELECT (SELECT min(id) FROM logs) AS firstId, (SELECT max(id) FROM logs) AS lastId',
    );
    const range = { firstId: found?.firstId ?? 0, lastId: found?.lastId ?? 0 };
    const { firstId, lastId } = range;
    if (lastId - firstId < fewestRowsForBlocks || lastId - firstId > mostIds) return null;
    const known = this.#known(firstId, lastId);
    const untilId = Math.min(known.untilId + this.#rowsAtOnce, lastId);
    try {
      if (untilId > known.untilId) this.#add(file, known.content, known.untilId, untilId);
    } catch (error) {
      this.#files.delete(firstId); // it may have half of them
      if (!isUnreadable(error)) throw error;
      return null;
    }
    known.untilId = untilId;
    return untilId < lastId ? null : { content: known.content, range };
  }

  keepOnly(segments: readonly Segment[]): void {
    const lastId = segments.at(-1)?.lastId ?? 0;
    for (const firstId of this.#files.keys()) {
      const isClosed = segments.some((segment) => segment.firstId === firstId && segment.state === 'closed');
      if (firstId <= lastId && !isClosed) this.#files.delete(firstId);
    }
  }

  #known(firstId: number, lastId: number): Known<Content> {
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
