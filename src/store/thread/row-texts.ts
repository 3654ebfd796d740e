/** The JSON texts of a few rows that were found one by one, from pages: the engine takes three times as long to find each, and to hand them out. */
import { JsonText } from '../json-text.ts';
import { type PageReader, fromPages } from './pages/page-file.ts';
import { CollectedRows, type FileRows, expectedRowBytes } from './row-lines.ts';
import { RowWriter } from './row-writer.ts';
import type { Sqlite } from './sqlite.ts';
import type { WalkedRows } from './walked-rows.ts';

/**
 * Null when one of them is not there, or the file is not as expected.
 * @param openPages of the file of `database`; once a table.
 * @param found their ids in the order of the answer.
 */
export function rowsAt(database: Sqlite, openPages: () => PageReader, { ids, records }: WalkedRows): FileRows | null {
  return fromPages(openPages, (open) => {
    const rows = new CollectedRows();
    const writer = new RowWriter(database, open, {});
    const text = new JsonText(expectedRowBytes);
    for (const id of ids) {
      const record = records.of(id);
      if (record === undefined) writer.seek(id);
      else writer.stand(id, record);
      if ((record === undefined && !writer.next()) || writer.id !== id || !writer.find()) return null;
      text.cutAt(0);
      writer.write(text);
      const line = text.toString();
      if (!rows.add([line.slice(0, -1)])) break;
    }
    return rows;
  });
}
