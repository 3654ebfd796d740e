/** What is kept of an order of time is that of the index, wherever questions begin and end, and however far they go. */
import fc from 'fast-check';
import { test, type Test } from 'tap';
import type { SearchRequest } from '../../../src/search/request.ts';
import { KeptOrder } from '../../../src/store/thread/kept-order.ts';
import { PageFile, type PageReader } from '../../../src/store/thread/pages/page-file.ts';
import { idsInTimeOrder } from '../../../src/store/thread/time-order.ts';
import type { Sqlite } from '../../../src/store/thread/sqlite.ts';
import { smallPages } from '../small-pages.ts';

interface Indexed {
  readonly database: Sqlite;
  readonly open: () => PageReader;
  /** Pages that have been read. */
  readonly read: number[];
  /** The newest first. */
  readonly rows: readonly { readonly id: number; readonly timestamp: string }[];
}

async function indexed(t: Test): Promise<Indexed> {
  const { path, database } = await smallPages(t);
  const [read, opened]: [number[], PageFile[]] = [[], []];
  t.teardown(() => opened.forEach((file) => file.close()));
  const open = (): PageReader => {
    const file = new PageFile(path, 'r');
    opened.push(file);
    return {
      pageSize: file.pageSize,
      read: (page) => {
        read.push(page);
        return file.read(page);
      },
      corrupt: (what) => file.corrupt(what),
      close: () => undefined,
    };
  };
  const rows = database.all<{ id: number; timestamp: string }>(
    'SELECT id, timestamp FROM logs ORDER BY timestamp DESC, id DESC',
  );
  return { database, open, read, rows };
}

const minute = fc.integer({ min: 0, max: 60 }).map((value) => `2026-11-24T03:${String(value).padStart(2, '0')}`);
const asked: fc.Arbitrary<SearchRequest> = fc.record({
  order: fc.constantFrom('desc', 'desc', 'asc'),
  limit: fc.constant(1),
  after: fc.option(fc.record({ timestamp: minute.map((text) => `${text}:00.000000Z`), id: fc.nat(3100) }), {
    nil: undefined,
  }),
  filter: fc.record({
    start: fc.option(minute, { nil: undefined }),
    end: fc.option(minute, { nil: undefined }),
    afterId: fc.constantFrom(undefined, 700),
    untilId: fc.constantFrom(undefined, 2500),
  }),
});

function taken({ database, open }: Indexed, request: SearchRequest, rows: number, kept?: KeptOrder): number[] {
  const nextIds = idsInTimeOrder(database, open, request, kept);
  const ids: number[] = [];
  for (let limit = 30; ids.length < rows; limit *= 2) {
    const next = nextIds(limit);
    ids.push(...next);
    if (next.length < limit) break;
  }
  return ids;
}

void test('ids are those of the index whatever was kept before', async (t) => {
  const file = await indexed(t);
  const orders = [0, 700, 65_536].map((mostIds) => new KeptOrder(mostIds));
  fc.assert(
    fc.property(asked, fc.constantFrom(...orders), fc.constantFrom(20, 500, 5000), (request, kept, rows) => {
      const { start, end } = request.filter;
      fc.pre(start === undefined || end === undefined || start < end);
      const [expected, found] = [taken(file, request, rows), taken(file, request, rows, kept)];
      if (String(found) !== String(expected)) throw new Error(`${found.length} ids, not ${expected.length}, or others`);
    }),
    { numRuns: 200 },
  );
});

void test('what one question has walked the next one does not read', async (t) => {
  const file = await indexed(t);
  const kept = new KeptOrder();
  const request: SearchRequest = { order: 'desc', limit: 1, filter: {} };
  t.ok(taken(file, request, 2000, kept).length >= 2000);
  file.read.length = 0;
  const again = taken(file, request, 2000, kept);
  t.strictSame(
    again,
    file.rows.slice(0, again.length).map(({ id }) => id),
  );
  t.ok(file.read.length < 10, `${file.read.length} pages`);
});

void test('nothing is kept of a walk that comes to a page that is none', async (t) => {
  const file = await indexed(t);
  const kept = new KeptOrder();
  const request: SearchRequest = { order: 'desc', limit: 1, filter: {} };
  let left = 40;
  const damaged: Indexed = {
    ...file,
    open: () => {
      const pages = file.open();
      return { ...pages, read: (page) => (left-- > 0 ? pages.read(page) : Buffer.alloc(pages.pageSize)) };
    },
  };
  t.throws(() => taken(damaged, request, 5000, kept), { code: 'STORE_CORRUPT' });
  t.strictSame(
    taken(file, request, 5000, kept),
    file.rows.map(({ id }) => id),
  );
});
