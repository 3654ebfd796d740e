/** Counts the fields of many rows that lie close together as they stand in the pages of the tables: the engine seeks each row, and hands out text. */
import { type PageReader, fromPages } from './pages/page-file.ts';
import { PairCursor } from './pages/pair-cursor.ts';
import { Columns } from './pages/record-columns.ts';
import { RepeatedTexts } from './pages/repeated-texts.ts';
import { TableCursor } from './pages/table-pages.ts';
import type { Sqlite } from './sqlite.ts';

/** Rows at least, and ids that are walked for each, at most. */
const [fewestRows, mostIdsPerRow] = [500, 4];

/** By field, then by value. */
export type Hits = Map<string, Map<string, number>>;
export type OpenPages = () => PageReader;

/** Of a row and its application. */
export const countedColumns = ['severity', 'source', 'application', 'version', 'environment'] as const;
export type CountedColumn = (typeof countedColumns)[number];

/** False, with nothing counted, where the engine is to do it. @param wanted keys, all of them, or only how many rows have which. */
export function walkPairs(
  database: Sqlite,
  openPages: OpenPages,
  ids: readonly number[],
  wanted: 'names' | 'all' | readonly string[],
  hits: Hits,
): boolean {
  const counts: Hits = new Map();
  const isWalked = walk(openPages, ids, (pages, sorted) => {
    countPairs(new PairCursor(pages, database.rootPageOf('logs_metadata')), sorted, wanted, counts);
    return true;
  });
  if (!isWalked) return false;
  for (const [key, values] of counts) {
    if (wanted === 'names') valuesOf(hits, 'names').set(key, values.get('') ?? 0);
    else hits.set(`meta.${key}`, values);
  }
  return true;
}

/** False as above. */
export function walkColumns(
  database: Sqlite,
  openPages: OpenPages,
  ids: readonly number[],
  wanted: readonly CountedColumn[],
  hits: Hits,
): boolean {
  const [severities, sources, applications] = [new Map<string, number>(), new Map<string, number>(), new Map()];
  const counts = { severities, sources, applications };
  const isWalked = walk(openPages, ids, (pages, sorted) =>
    countColumns(new TableCursor(pages, database.rootPageOf('logs')), sorted, counts),
  );
  if (!isWalked) return false;
  const known = database.all<{ id: number } & Record<string, string | null>>(
    'SELECT id, name AS application, version, environment FROM applications',
  );
  for (const column of wanted) {
    if (column === 'severity') hits.set(column, severities);
    else if (column === 'source') hits.set(column, sources);
    else {
      const values = valuesOf(hits, column);
      for (const row of known) {
        const [value = null, count] = [row[column], applications.get(row.id)];
        if (value !== null && count !== undefined) values.set(value, (values.get(value) ?? 0) + count);
      }
    }
  }
  return true;
}

export function valuesOf(hits: Hits, field: string): Map<string, number> {
  const known = hits.get(field);
  if (known !== undefined) return known;
  const values = new Map<string, number>();
  hits.set(field, values);
  return values;
}

/** @param work gets the ids in rising order. */
function walk(
  openPages: OpenPages,
  ids: readonly number[],
  work: (pages: PageReader, sorted: Float64Array) => boolean,
): boolean {
  if (!isDense(ids)) return false;
  return fromPages(openPages, (open) => work(open(), Float64Array.from(ids).sort())) ?? false;
}

function countPairs(
  pairs: PairCursor,
  ids: Float64Array,
  wanted: 'names' | 'all' | readonly string[],
  counts: Hits,
): void {
  const isWanted = typeof wanted === 'string' ? null : new Set(wanted);
  const [keys, texts] = [new RepeatedTexts(), new RepeatedTexts()];
  for (const id of ids) {
    pairs.seek(id);
    for (; pairs.logId === id; pairs.next()) {
      const { bytes, columns } = pairs;
      const key = keys.text(bytes, columns.start(2), columns.length(2));
      if (isWanted?.has(key) === false) continue;
      const values = valuesOf(counts, key);
      const value = wanted === 'names' ? '' : texts.text(bytes, columns.start(3), columns.length(3));
      values.set(value, (values.get(value) ?? 0) + 1);
    }
  }
}

interface ColumnCounts {
  readonly severities: Map<string, number>;
  readonly sources: Map<string, number>;
  /** By id. */
  readonly applications: Map<number, number>;
}

/** False when a row is not there. */
function countColumns(
  rows: TableCursor,
  ids: Float64Array,
  { severities, sources, applications }: ColumnCounts,
): boolean {
  const columns = new Columns(5);
  const texts = new RepeatedTexts();
  const add = <Key>(counts: Map<Key, number>, key: Key): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
  rows.seek(ids[0] ?? 0);
  for (const id of ids) {
    do if (!rows.next() || rows.id > id) return false;
    while (rows.id < id);
    columns.find(rows.bytes, rows.at);
    add(severities, texts.text(rows.bytes, columns.start(2), columns.length(2)));
    add(sources, texts.text(rows.bytes, columns.start(4), columns.length(4)));
    add(applications, columns.integer(rows.bytes, 3));
  }
  return true;
}

function isDense(ids: readonly number[]): boolean {
  let [least, most] = [Infinity, 0];
  for (const id of ids) [least, most] = [Math.min(least, id), Math.max(most, id)];
  return ids.length >= fewestRows && most - least < ids.length * mostIdsPerRow;
}
