/** Counts the metadata of many rows that lie close together as it stands in the pages of its table: the engine seeks each row's, and hands out text. */
import { type PageReader, isUnreadable } from './pages/page-file.ts';
import { PairCursor } from './pages/pair-cursor.ts';
import type { Sqlite } from './sqlite.ts';

/** Rows at least, and ids that are walked for each, at most. */
const [fewestRows, mostIdsPerRow] = [500, 4];

/** By field, then by value. */
export type Hits = Map<string, Map<string, number>>;
export type OpenPages = () => PageReader;

/** False, with nothing counted, where the engine is to do it. @param wanted keys, all of them, or only how many rows have which. */
export function walkPairs(
  database: Sqlite,
  openPages: OpenPages,
  ids: readonly number[],
  wanted: 'names' | 'all' | readonly string[],
  hits: Hits,
): boolean {
  if (!isDense(ids)) return false;
  const counts: Hits = new Map();
  let pages: PageReader | undefined;
  try {
    pages = openPages();
    count(new PairCursor(pages, database.rootPageOf('logs_metadata')), Float64Array.from(ids).sort(), wanted, counts);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return false;
  } finally {
    pages?.close();
  }
  for (const [key, values] of counts) {
    if (wanted === 'names') valuesOf(hits, 'names').set(key, values.get('') ?? 0);
    else hits.set(`meta.${key}`, values);
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

function count(pairs: PairCursor, ids: Float64Array, wanted: 'names' | 'all' | readonly string[], counts: Hits): void {
  const keys = typeof wanted === 'string' ? null : new Set(wanted);
  for (const id of ids) {
    pairs.seek(id);
    for (; pairs.logId === id; pairs.next()) {
      const key = textAt(pairs, 2);
      if (keys?.has(key) === false) continue;
      const values = valuesOf(counts, key);
      const value = wanted === 'names' ? '' : textAt(pairs, 3);
      values.set(value, (values.get(value) ?? 0) + 1);
    }
  }
}

function textAt({ bytes, columns }: PairCursor, column: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + columns.start(column), columns.length(column)).toString();
}

function isDense(ids: readonly number[]): boolean {
  let [least, most] = [Infinity, 0];
  for (const id of ids) [least, most] = [Math.min(least, id), Math.max(most, id)];
  return ids.length >= fewestRows && most - least < ids.length * mostIdsPerRow;
}
