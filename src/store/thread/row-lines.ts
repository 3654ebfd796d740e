/**
 * The rows of one file, as JSON texts: what a statement gives, or as many as have room on a page.
 */
import type { RowPlace, SearchRequest } from '../../search/request.ts';
import { type Narrowing, pageQuery } from './search-to-sql.ts';
import type { Sqlite } from './sqlite.ts';

/** Text of a page's rows, at most, in characters; a first row that is longer comes all the same. */
export const maxPageText = 16 * 1024 * 1024;

/** Rows read at once. At first few, since they may be long; then as many as there is room for, by those that have come. */
export const [firstRowsAtOnce, mostRowsAtOnce] = [128, 8192];
/** What is set aside for a row's text; what is missing is made room for. */
export const expectedRowBytes = 600;

export interface FileRows {
  /** A row each, in the order asked for. */
  readonly lines: readonly string[];
  /** There are more, within `limit`, for which the page has no room. */
  readonly isCut: boolean;
}

/** Rows as they are collected, while the page has room for them. */
export class CollectedRows implements FileRows {
  readonly lines: string[] = [];
  isCut = false;
  #text = 0;

  /** False once there was no room. */
  add(lines: readonly string[]): boolean {
    for (const line of lines) {
      this.#text += line.length;
      this.isCut = this.#text > maxPageText && this.lines.length > 0;
      if (this.isCut) return false;
      this.lines.push(line);
    }
    return true;
  }

  /** For how many more rows there is room, by those that have come. */
  get room(): number {
    return Math.max(Math.floor((maxPageText - this.#text) / (this.#text / this.lines.length)) + 1, 1);
  }
}

/** At most `limit` rows. */
export function rowsOfFile(database: Sqlite, asked: SearchRequest, narrowing?: Narrowing): FileRows {
  const rows = new CollectedRows();
  let { after } = asked;
  let rowsAtOnce = firstRowsAtOnce;
  while (rows.lines.length < asked.limit) {
    const limit = Math.min(rowsAtOnce, asked.limit - rows.lines.length);
    const found = readLines(database, { ...asked, after, limit }, narrowing);
    const hasRoom = rows.add(found);
    const last = rows.lines.at(-1);
    if (!hasRoom || found.length < limit || last === undefined) break;
    after = placeOf(last);
    rowsAtOnce = Math.min(rowsAtOnce * 8, mostRowsAtOnce, rows.room);
  }
  return rows;
}

/** By one statement, however long the rows are. */
export function readLines(database: Sqlite, asked: SearchRequest, narrowing?: Narrowing): string[] {
  const { sql, values } = pageQuery(asked, narrowing);
  return database.get<{ lines: string | null }>(sql, values)?.lines?.split('\n') ?? [];
}

/** A row's JSON begins with its place. */
export function placeOf(line: string): RowPlace {
  const [, id, timestamp = ''] = /^\{"id":(\d+),"timestamp":"([^"]*)"/.exec(line) ?? [];
  return { id: Number(id), timestamp };
}
