/** Counts rows by minute where their texts stand, in the pages of the tables: all that a filter of tests (row-tests.ts) asks for. */
import type { Filter } from '../../search/request.ts';
import { minuteDigits, secondsOfMinute } from './minute-counts.ts';
import { type PageReader, fromPages } from './pages/page-file.ts';
import { RowTester, partedFilter } from './row-tests.ts';
import type { Sqlite } from './sqlite.ts';

/** By the second in which a minute begins, since 1970; null where the engine is to count. */
export function walkedHits(
  database: Sqlite,
  openPages: () => PageReader,
  filter: Filter,
): [seconds: number, count: number][] | null {
  const parted = partedFilter(filter);
  if (parted === null) return null;
  const { afterId = 0, untilId = Infinity, ...others } = parted.rest;
  if (Object.values(others).some((part) => part !== undefined)) return null;
  const lastId = database.get<{ id: number | null }>('SELECT max(id) AS id FROM logs')?.id ?? 0;
  return fromPages(openPages, (open) => {
    const counts = new Map<number, number>();
    new RowTester(database, open, parted.tests).each(afterId + 1, Math.min(untilId, lastId), (bytes, columns) => {
      const minute = minuteDigits(bytes, columns.start(1));
      counts.set(minute, (counts.get(minute) ?? 0) + 1);
    });
    return [...counts].map(([minute, count]) => [secondsOfMinute(minute), count]);
  });
}
