/** What every store promises, whoever implements it. */
import { test, type Test } from 'tap';
import type { SearchText } from '../../src/search/query.ts';
import type { LogRow, SearchRequest } from '../../src/search/request.ts';
import type { Gap } from '../../src/record/batch.ts';
import type { Store } from '../../src/store/store.ts';
import { aPosition, aRecord, someRecords } from '../records.ts';

const limits = { deadlineMs: 10_000 };
const newestFirst: SearchRequest = { filter: {}, order: 'desc', limit: 100 };

export async function rowsOf(store: Store, request: Partial<SearchRequest> = {}): Promise<LogRow[]> {
  const { ndjson } = await store.search({ ...newestFirst, ...request }, limits);
  return ndjson
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogRow);
}

/** All of them occur in the message. */
function words(...texts: string[]): SearchText {
  const parts = texts.map((value) => ({
    kind: 'test' as const,
    field: { column: 'message' as const },
    test: { kind: 'contains' as const, value },
  }));
  return { text: texts.join(' '), query: { kind: 'and', parts } };
}

/** All rows of a question, page by page; `between` runs between the pages. */
export async function walk(
  store: Store,
  request: Partial<SearchRequest>,
  between: () => Promise<void> = async () => undefined,
): Promise<LogRow[]> {
  const rows: LogRow[] = [];
  let after: SearchRequest['after'];
  for (let pages = 0; pages < 500; pages++) {
    const page = await store.search({ ...newestFirst, ...request, after }, limits);
    for (const line of page.ndjson.split('\n').slice(0, -1)) rows.push(JSON.parse(line) as LogRow);
    after = page.last ?? undefined;
    if (!page.hasMore) return rows;
    await between();
    if (pages > 20) between = async () => undefined; // else the walk would chase the new rows for ever
  }
  throw new Error('the walk does not end');
}

export function storeContract(name: string, openStore: (t: Test) => Promise<Store>): void {
  const contract = (behaviour: string, check: (t: Test, store: Store) => Promise<void>): void => {
    void test(`${name}: ${behaviour}`, async (t) => {
      const store = await openStore(t);
      t.teardown(() => store.close());
      await check(t, store);
    });
  };

  contract('a record comes back as the row it became', async (t, store) => {
    const metadata = [
      ['userId', 'u-1'],
      ['__proto__', 'data'],
      ['req.headers.host', 'a"b\\c'],
    ] as const;
    const { firstId } = await store.append({
      records: [aRecord({ message: 'h\u00e9llo \u{1f600}', metadata })],
      positions: [],
      gaps: [],
    });

    const [row] = await rowsOf(store);
    t.strictSame(
      { ...row, metadata: Object.entries(row?.metadata ?? {}) },
      {
        id: firstId,
        timestamp: '2026-11-24T03:00:00.000000Z',
        severity: 'INFO',
        application: 'shop',
        version: '2.3.1',
        environment: 'production',
        source: '/var/log/shop/app.log',
        message: 'h\u00e9llo \u{1f600}',
        metadata: metadata.map((pair) => [...pair]),
      },
    );
  });

  contract('a request is found once its rows are committed, under its own key only', async (t, store) => {
    const request = { key: 'admin/4711', bodyDigest: 'ab'.repeat(32) };
    t.equal(await store.findRequest(request.key), null);
    await store.append({ records: someRecords(2), positions: [], gaps: [], requests: [request] });

    t.strictSame(await store.findRequest(request.key), request);
    t.equal(await store.findRequest('admin/4712'), null);
    t.equal((await rowsOf(store)).length, 2);
  });

  contract('rows and positions appear together, positions of a generation replace each other', async (t, store) => {
    await store.append({ records: someRecords(2), positions: [aPosition({ offset: 20 })], gaps: [] });
    await store.append({
      records: someRecords(1),
      positions: [aPosition({ offset: 31, path: '/var/log/shop/app.log.1' })],
      gaps: [],
    });

    t.match(await store.positions(), [aPosition({ offset: 31, path: '/var/log/shop/app.log.1' })]);
    t.equal((await rowsOf(store)).length, 3);
  });

  contract(
    "what identifies a generation's content, and how much is stored of it, is kept with its position",
    async (t, store) => {
      const check = { end: 20, bytes: 16, sha256: 'ab'.repeat(32) };
      const evidence = { birthNs: '1795000000000000001', check, realPath: '/srv/app.log', insideLineAt: 20 };
      const { generation } = aPosition({});
      const position = aPosition({ offset: 20, startOffset: 4, evidence });
      await store.append({ records: [], positions: [position], gaps: [], counts: [{ generation, lines: 3, rows: 2 }] });
      await store.append({ records: [], positions: [position], gaps: [], counts: [{ generation, lines: 4, rows: 1 }] });
      await store.append({ records: [], positions: [position], gaps: [] });

      t.match(await store.positions(), [{ ...position, lines: 7, rows: 3, updatedAt: /^\d{4}-.*Z$/ }]);
    },
  );

  contract('gaps are kept in the order they were found', async (t, store) => {
    const { generation, path } = aPosition({});
    const gaps: Gap[] = [
      { generation, path, startOffset: 5, endOffset: 9, reason: 'truncated' },
      { generation, path, startOffset: 9, endOffset: null, reason: 'deleted' },
    ];
    await store.append({ records: [], positions: [], gaps });

    t.match(await store.gaps(), gaps);
  });

  contract('a batch of positions alone is a batch', async (t, store) => {
    const { firstId } = await store.append({
      records: [],
      positions: [aPosition({ offset: 5, isEnded: true })],
      gaps: [],
    });

    t.equal(firstId, 0);
    t.match(await store.positions(), [aPosition({ offset: 5, isEnded: true })]);
  });

  contract(
    'generations that are forgotten leave what was counted of them; those that have not ended stay',
    async (t, store) => {
      const positions = ['a', 'b', 'c'].map((generation) => aPosition({ generation, isEnded: generation !== 'c' }));
      const counts = positions.map(({ generation }, index) => ({ generation, lines: 10 + index, rows: 5 + index }));
      await store.append({ records: someRecords(3), positions, gaps: [], counts });

      await store.state.forgetGenerations(['a', 'b', 'c', 'never seen']);
      await store.state.forgetGenerations(['a']);

      t.match(await store.positions(), [{ generation: 'c' }]);
      t.strictSame(await store.state.forgottenGenerations(), { generations: 2, lines: 21, rows: 11 });
    },
  );

  contract('ids are the order of arrival, whatever the timestamps say', async (t, store) => {
    const records = ['2026-01-03', '2026-01-01', '2026-01-02'].map((day) =>
      aRecord({ timestamp: `${day}T00:00:00.000000Z`, message: day }),
    );
    const appended = await Promise.all(
      records.map((record) => store.append({ records: [record], positions: [], gaps: [] })),
    );

    t.strictSame(
      appended.map(({ firstId }) => firstId),
      [1, 2, 3],
    );
    t.strictSame(
      (await rowsOf(store, { order: 'asc' })).map(({ message }) => message),
      ['2026-01-01', '2026-01-02', '2026-01-03'],
    );
  });

  contract('text that SQLite or UTF-8 cannot hold is stored cleaned and marked', async (t, store) => {
    await store.append({
      records: [
        aRecord({
          message: 'before\0after \ud800 end',
          metadata: [['k\0', '\udfff']],
          application: { name: 'a\0b', version: null, environment: null },
        }),
      ],
      positions: [],
      gaps: [],
    });

    const [row] = await rowsOf(store);
    t.equal(row?.message, 'before\u2400after \ufffd end');
    t.equal(row?.application, 'a\u2400b');
    t.strictSame(row?.metadata, { 'k\u2400': '\ufffd', text_cleaned: 'true' });
  });

  contract('more metadata than a row can have is kept as JSON text', async (t, store) => {
    const metadata = Array.from({ length: 2000 }, (_, index) => [`k${index}`, String(index)] as const);
    await store.append({ records: [aRecord({ metadata })], positions: [], gaps: [] });

    const found = (await rowsOf(store))[0]?.metadata ?? {};
    const { metadata_rest: rest, ...kept } = found;
    const all = [...Object.entries(kept), ...(JSON.parse(rest ?? '[]') as [string, string][])];
    t.strictSame(
      all,
      metadata.map((pair) => [...pair]),
    );
  });

  contract('one application row a release; unknown parts stay unknown', async (t, store) => {
    const releases = [
      { name: 'shop', version: '1', environment: null },
      { name: 'shop', version: '2', environment: null },
      { name: 'shop', version: null, environment: null },
    ];
    for (const application of [...releases, ...releases]) {
      await store.append({ records: [aRecord({ application, metadata: [['k', 'v']] })], positions: [], gaps: [] });
    }

    t.strictSame(
      (await rowsOf(store, { order: 'asc' })).map(({ version }) => version),
      ['1', '2', null, '1', '2', null],
    );
    t.equal((await rowsOf(store, { filter: { application: 'shop', version: '2' } })).length, 2);
  });

  contract('each filter alone, and all together, select what they say', async (t, store) => {
    const records = someRecords(6).map((record, index) => ({
      ...record,
      severity: (['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const)[index] ?? 'INFO',
      application: {
        name: index % 2 === 0 ? 'even' : 'odd',
        version: `${index}`,
        environment: index < 3 ? 'staging' : 'production',
      },
      source: `/var/log/${index % 3}.log`,
      message: index === 4 ? '100%_Sure of\\it' : `Row ${index}`,
      metadata: [
        ['n', `${index % 2}`],
        ['m', `${index}`],
      ] as const,
    }));
    await store.append({ records, positions: [], gaps: [] });
    const ids = async (filter: SearchRequest['filter']): Promise<number[]> =>
      (await rowsOf(store, { filter, order: 'asc' })).map(({ id }) => id);

    t.strictSame(
      await ids({ start: '2026-11-24T03:00:02.000000Z', end: '2026-11-24T03:00:04.000000Z' }),
      [3, 4],
      'start inclusive, end exclusive',
    );
    t.strictSame(await ids({ minSeverity: 'WARN' }), [4, 5, 6]);
    t.strictSame(await ids({ application: 'even' }), [1, 3, 5]);
    t.strictSame(await ids({ version: '3' }), [4]);
    t.strictSame(await ids({ environment: 'staging' }), [1, 2, 3]);
    t.strictSame(await ids({ source: '/var/log/1.log' }), [2, 5]);
    t.strictSame(
      await ids({
        metadata: [
          ['n', '1'],
          ['m', '3'],
        ],
      }),
      [4],
    );
    t.strictSame(await ids({ search: words('row', '3') }), [4]);
    t.strictSame(await ids({ search: words('100%_s') }), [5], 'wildcards are text');
    t.strictSame(await ids({ search: words('of\\it') }), [5]);
    t.strictSame(await ids({ search: words('_') }), [5]);
    t.strictSame(
      await ids({
        minSeverity: 'ERROR',
        application: 'odd',
        metadata: [['m', '5']],
        search: words('row'),
        start: '2026-11-24T03:00:00.000000Z',
      }),
      [6],
    );
    t.strictSame(await ids({ application: `'; DROP TABLE logs; --` }), []);
    t.equal((await ids({})).length, 6);
  });

  contract(
    'pages of one walk neither miss nor repeat a row, in both orders, also among equal timestamps',
    async (t, store) => {
      const records = Array.from({ length: 25 }, (_, index) =>
        aRecord({ timestamp: `2026-11-24T03:00:0${Math.floor(index / 10)}.000000Z`, message: `${index}` }),
      );
      await store.append({ records, positions: [], gaps: [] });

      for (const order of ['asc', 'desc'] as const) {
        const seen: number[] = [];
        let after: SearchRequest['after'];
        for (let pages = 0; pages < 10; pages++) {
          const page = await store.search({ filter: {}, order, limit: 7, after }, limits);
          seen.push(
            ...page.ndjson
              .split('\n')
              .slice(0, -1)
              .map((line) => (JSON.parse(line) as LogRow).id),
          );
          after = page.last ?? undefined;
          if (!page.hasMore) break;
        }
        const inOrder = Array.from({ length: 25 }, (_, index) => index + 1);
        t.strictSame(seen, order === 'asc' ? inOrder : inOrder.toReversed(), order);
      }
    },
  );

  contract(
    'a page ends where its text would be too long, and the next one goes on there, in every order',
    async (t, store) => {
      const second = (id: number): string => `2026-11-24T03:00:${String((id * 7) % 60).padStart(2, '0')}.000000Z`;
      for (let file = 0; file < 2; file++) {
        const records = Array.from({ length: 3 }, (_, row) =>
          aRecord({
            timestamp: second(file * 3 + row + 1),
            message: 'x'.repeat(row === file ? 17_000_000 : 6_000_000),
          }),
        );
        await store.append({ records, positions: [], gaps: [] });
        await store.rotate();
      }
      for (const order of ['arrival', 'asc', 'desc'] as const) {
        let rows = 0;
        const seen: number[] = [];
        let after: SearchRequest['after'];
        for (let hasMore = true; hasMore;) {
          const page = await store.search({ filter: {}, order, limit: 100, after }, limits);
          t.ok(page.ndjson.length <= 16 * 1024 * 1024 || page.rowCount === 1, `${page.ndjson.length}`);
          rows += page.rowCount;
          for (const line of page.ndjson.split('\n').slice(0, -1)) seen.push((JSON.parse(line) as LogRow).id);
          after = page.last ?? undefined;
          hasMore = page.hasMore;
        }
        const ids = Array.from({ length: 6 }, (_, index) => index + 1);
        const byTime = ids.toSorted((a, b) => (second(a) < second(b) ? -1 : second(a) > second(b) ? 1 : a - b));
        t.equal(rows, 6);
        t.strictSame(seen, { arrival: ids, asc: byTime, desc: byTime.toReversed() }[order]);
      }
    },
  );

  contract('hits are counted per step, steps of seconds and of hours alike', async (t, store) => {
    await store.append({ records: someRecords(150), positions: [], gaps: [] });

    t.strictSame(await store.hits({ filter: {}, stepSeconds: 60 }, limits), [
      { timestamp: '2026-11-24T03:00:00.000000Z', count: 60 },
      { timestamp: '2026-11-24T03:01:00.000000Z', count: 60 },
      { timestamp: '2026-11-24T03:02:00.000000Z', count: 30 },
    ]);
    t.equal((await store.hits({ filter: {}, stepSeconds: 7 }, limits)).length, 22);
    t.strictSame(
      await store.hits({ filter: { application: 'shop', search: words('row 1') }, stepSeconds: 3600 }, limits),
      [{ timestamp: '2026-11-24T03:00:00.000000Z', count: 61 }],
    );
  });

  contract('rows are found wherever they are: filters, orders and counts span the segments', async (t, store) => {
    const records = Array.from({ length: 60 }, (_, index) =>
      aRecord({
        // Every file overlaps the others in time.
        timestamp: `2026-11-24T03:${String((index * 7) % 60).padStart(2, '0')}:00.000000Z`,
        message: `row ${index}`,
        application: { name: index % 2 === 0 ? 'even' : 'odd', version: `${index % 5}`, environment: null },
        metadata: [['n', `${index % 3}`]],
      }),
    );
    const expected = [];
    for (const [index, record] of records.entries()) {
      const { firstId } = await store.append({ records: [record], positions: [], gaps: [] });
      expected.push({ id: firstId, timestamp: record.timestamp, application: record.application.name, index });
      if (index % 20 === 19) await store.rotate();
    }
    t.strictSame(
      expected.map(({ id }) => id),
      records.map((_, index) => index + 1),
      'ids go on over rotations',
    );
    const inTime = expected.toSorted((a, b) =>
      a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : a.id - b.id,
    );
    const idsOf = (rows: readonly { id: number }[]): number[] => rows.map(({ id }) => id);

    for (const state of ['closed', 'sealed']) {
      if (state === 'sealed') await store.sealed();
      for (const [order, sorted] of [
        ['asc', inTime],
        ['desc', inTime.toReversed()],
        ['arrival', expected],
      ] as const) {
        for (const limit of [1, 7, 20, 100]) {
          t.strictSame(idsOf(await walk(store, { order, limit })), idsOf(sorted), `${order}, pages of ${limit}`);
        }
      }
      t.strictSame(
        idsOf(await rowsOf(store, { filter: { application: 'odd', metadata: [['n', '1']] }, order: 'asc' })),
        idsOf(inTime.filter(({ application, index }) => application === 'odd' && index % 3 === 1)),
      );
      t.strictSame(
        idsOf(await rowsOf(store, { filter: { afterId: 35 }, order: 'arrival', limit: 10 })),
        [36, 37, 38, 39, 40, 41, 42, 43, 44, 45],
      );
      t.strictSame(
        (await store.hits({ filter: { start: '2026-11-24T03:10:00.000000Z' }, stepSeconds: 1800 }, limits)).map(
          ({ count }) => count,
        ),
        [20, 30],
      );
      t.strictSame(
        idsOf(await rowsOf(store, { filter: { search: words('OW 1', 'row') }, order: 'arrival' })),
        expected.filter(({ index }) => `row ${index}`.includes('ow 1')).map(({ id }) => id),
        `words, ${state}`,
      );
    }
    const { lastId } = await store.search({ ...newestFirst, limit: 1 }, limits);
    t.equal(lastId, 60, 'also when the hot file is empty');
  });

  contract('one walk neither misses nor repeats a row while rows arrive and rotations happen', async (t, store) => {
    await store.append({ records: someRecords(50), positions: [], gaps: [] });
    const rows = await walk(store, { order: 'asc', limit: 7 }, async () => {
      await store.append({
        records: someRecords(3, { timestamp: '2026-11-25T00:00:00.000000Z' }),
        positions: [],
        gaps: [],
      });
      await store.rotate();
    });
    const ids = rows.map(({ id }) => id);

    t.strictSame(
      ids.slice(0, 50),
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
    t.strictSame(
      ids,
      ids.toSorted((a, b) => a - b),
    );
    t.equal(new Set(ids).size, ids.length);
  });

  contract('a rotation takes along what the rows do not own, and does nothing without rows', async (t, store) => {
    t.equal(await store.rotate(), null);
    await store.append({ records: someRecords(2), positions: [aPosition({ offset: 20 })], gaps: [] });
    await store.rotate();
    t.equal(await store.rotate(), null);

    t.match(await store.positions(), [aPosition({ offset: 20 })]);
    await store.append({ records: someRecords(1), positions: [], gaps: [] });
    t.strictSame(
      (await rowsOf(store, { filter: { application: 'shop', version: '2.3.1' } }))
        .map(({ id }) => id)
        .sort((a, b) => a - b),
      [1, 2, 3],
      'the application is still the same row',
    );
  });

  contract('what is appended can be asked for at once', async (t, store) => {
    for (let round = 1; round <= 5; round++) {
      await store.append({ records: someRecords(1), positions: [], gaps: [] });
      t.ok((await store.stats()).lastId === round);
    }
  });

  contract('a closed store says so, and closing twice is fine', async (t, store) => {
    await store.close();
    await store.close();

    await t.rejects(store.append({ records: [], positions: [], gaps: [] }), { code: 'STORE_CLOSED' });
    await t.rejects(async () => store.search(newestFirst, limits), { code: 'STORE_CLOSED' });
  });
}
