/**
 * The rows of one file, as JSON texts: what a statement gives, or as many as have room on a page.
 */
import type { RowPlace, SearchRequest } from '../../search/request.ts';
import { type FileTraits, pageQuery } from './search-to-sql.ts';
import type { Sqlite } from './sqlite.ts';

/** Text of a page's rows, at most, in characters; a first row that is longer comes all the same. */
export const maxPageText = 16 * 1024 * 1024;

/** Rows read at once. At first few, since they may be long; then as many as there is room for, by those that have come. */
const [firstRowsAtOnce, mostRowsAtOnce] = [128, 8192];

export interface FileRows {
  /** A row each, in the order asked for. */
  readonly lines: readonly string[];
  /** There are more, within `limit`, for which the page has no room. */
  readonly isCut: boolean;
}

/** At most `limit` rows. */
export function rowsOfFile(database: Sqlite, asked: SearchRequest, file?: FileTraits): FileRows {
  const lines: string[] = [];
  let text = 0;
  let { after } = asked;
  let rowsAtOnce = firstRowsAtOnce;
  while (lines.length < asked.limit) {
    const limit = Math.min(rowsAtOnce, asked.limit - lines.length);
    const found = readLines(database, { ...asked, after, limit }, file);
    for (const line of found) {
      text += line.length;
      if (text > maxPageText && lines.length > 0) return { lines, isCut: true };
      lines.push(line);
    }
    const last = lines.at(-1);
    if (found.length < limit || last === undefined) break;
    after = placeOf(last);
    const room = Math.floor((maxPageText - text) / (text / lines.length)) + 1;
    rowsAtOnce = Math.min(rowsAtOnce * 8, mostRowsAtOnce, Math.max(room, 1));
  }
  return { lines, isCut: false };
}

/** By one statement, however long the rows are. */
export function readLines(database: Sqlite, asked: SearchRequest, file?: FileTraits): string[] {
  const { sql, values } = pageQuery(asked, file);
  return database.get<{ lines: string | null }>(sql, values)?.lines?.split('\n') ?? [];
}

/** A row's JSON begins with its place. */
export function placeOf(line: string): RowPlace {
  const [, id, timestamp = ''] = /^\{"id":(\d+),"timestamp":"([^"]*)"/.exec(line) ?? [];
  return { id: Number(id), timestamp };
}
