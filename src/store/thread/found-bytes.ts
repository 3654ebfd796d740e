/**
 * Finds the rows that have a metadata pair, or a text in their message, by its bytes, for files without an index: only the pages that hold these anywhere
 * are read record by record. That takes a tenth of the time that all records do.
 */
import type { PageReader } from './pages/page-file.ts';
import { isEqual } from './pages/pair-cursor.ts';
import { FoldedBytes } from './pages/folded-bytes.ts';
import { Columns } from './pages/record-columns.ts';
import { TableCursor, hasOverflow } from './pages/table-pages.ts';

/**
 * Key and value stand one behind the other in a record. Of longer pairs a part may be in overflow pages: of a payload that does not fit, 2000 bytes stand in the page at least, and before the key come some 20
 * (https://sqlite.org/fileformat.html, section 1.6; pages of 16 KiB).
 */
const mostBytes = 1000;
const leastPageSize = 16_384;

/**
 * Ids of the rows that have the pair, rising. Null for a pair that cannot be looked for, `many` for more than `most` rows.
 * @param root of the table `logs_metadata`; @param range of ids of rows, both inclusive.
 */
export function idsWithPair(
  pages: PageReader,
  root: number,
  [firstId, lastId]: readonly [first: number, last: number],
  [type, value]: readonly [type: string, value: string],
  most: number,
): number[] | 'many' | null {
  const [key, text] = [Buffer.from(type), Buffer.from(value)];
  const wanted = Buffer.concat([key, text]);
  if (wanted.length === 0 || wanted.length > mostBytes || pages.pageSize < leastPageSize) return null;
  const ids: number[] = [];
  const endId = (lastId + 1) * 1024;
  const columns = new Columns(4);
  const rows = new TableCursor(pages, root);
  rows.seek(firstId * 1024);
  while (rows.seekPage((page) => page.includes(wanted))) {
    while (rows.isInPage && rows.next()) {
      if (rows.id >= endId) return ids;
      const { bytes } = rows;
      columns.find(bytes, rows.at);
      const isPair = columns.length(2) === key.length && columns.length(3) === text.length;
      if (!isPair || !isEqual(bytes, columns.start(2), wanted)) continue;
      const id = Math.floor(rows.id / 1024);
      if (ids.at(-1) !== id) ids.push(id);
      if (ids.length > most) return 'many';
    }
  }
  return ids;
}

/** Shorter ones are in most rows. */
const fewestBytes = 3;
/** Found before it is asked whether they are too many of those looked at. */
const fewIds = 500;

/**
 * Ids of the rows whose message holds all the texts, upper and lower case of ASCII alike, rising. Null for texts that are too short, or where more than
 * one row in `factor` has them.
 * @param root of the table `logs`; @param range of ids of rows, both inclusive.
 */
export function idsWithTexts(
  pages: PageReader,
  root: number,
  [firstId, lastId]: readonly [first: number, last: number],
  texts: readonly string[],
  factor: number,
): number[] | null {
  const wanted = texts.map((text) => Buffer.from(text)).sort((a, b) => b.length - a.length);
  if ((wanted[0]?.length ?? 0) < fewestBytes) return null;
  const [longest, ...others] = wanted.filter(({ length }) => length > 0).map((text) => new FoldedBytes(text));
  if (longest === undefined) return null;
  const ids: number[] = [];
  const columns = new Columns(6);
  const rows = new TableCursor(pages, root);
  rows.seek(firstId);
  while (rows.seekPage((page) => longest.indexIn(page, 0, page.length) >= 0 || hasOverflow(page))) {
    while (rows.isInPage && rows.next()) {
      if (rows.id > lastId) return ids;
      const { id, bytes } = rows;
      columns.find(bytes, rows.at);
      const start = columns.start(5);
      const end = start + columns.length(5);
      if (longest.indexIn(bytes, start, end) < 0) continue;
      if (!others.every((text) => text.indexIn(bytes, start, end) >= 0)) continue;
      ids.push(id);
      if (ids.length > fewIds && ids.length * factor > id - firstId) return null;
    }
  }
  return ids;
}
