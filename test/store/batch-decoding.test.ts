/** What is read back out of a batch's bytes against what the store answers once it has them. */
import fc from 'fast-check';
import { test } from 'tap';
import type { LogRecord } from '../../src/record/log-record.ts';
import type { LogRow } from '../../src/search/request.ts';
import { BatchCursor, decodedRows } from '../../src/store/batch-decoding.ts';
import { encodedRows } from '../../src/store/batch-encoding.ts';
import { JsonText } from '../../src/store/json-text.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { aRecord, rowsOf } from '../records.ts';

const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.integer({ min: 200, max: 70_000 }).map((length) => 'x'.repeat(length)),
  fc.integer({ min: 60, max: 30_000 }).map((length) => 'é'.repeat(length)),
  fc.constantFrom('', '\0', '\ud800', '__proto__', 'constructor', '\u0001'),
);
const application = fc.record({
  name: fc.oneof(
    fc.constantFrom('shop', 'shop\0', 'sh\ud800p'),
    text.filter((name) => name.length < 50),
  ),
  version: fc.option(fc.constantFrom('1.0', '2.0', 'é')),
  environment: fc.option(fc.constantFrom('test', 'production')),
});
const record: fc.Arbitrary<LogRecord> = fc
  .record({
    application,
    message: text,
    source: text,
    metadata: fc.uniqueArray(fc.tuple(text, text), { maxLength: 8, selector: ([type]) => type.toWellFormed() }),
  })
  .map((parts) => aRecord(parts));

/** As it is read out of the bytes, for a sink: rows of earlier batches have ids of their own. */
function written(records: readonly LogRecord[], from: number): string {
  const text = new JsonText(16);
  const cursor = new BatchCursor(encodedRows(records), 1, from);
  while (cursor.next()) {
    cursor.write(text);
    if (cursor.id % 2 === 0) cursor.row(); // whoever looks at a row disturbs nothing
  }
  return Buffer.from(text.takeBytes()).toString();
}

async function storedText(records: readonly LogRecord[]): Promise<string> {
  const store = new SqliteStore(':memory:');
  await store.append({ records: encodedRows(records), positions: [], gaps: [] });
  const { ndjson } = await store.search({ filter: {}, order: 'arrival', limit: records.length });
  await store.close();
  return ndjson;
}

async function stored(records: readonly LogRecord[]): Promise<LogRow[]> {
  const text = await storedText(records);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LogRow);
}

void test('property: rows read out of their bytes are the rows that the store answers', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 6 }), async (records) => {
      t.strictSame(rowsOf(records), await stored(records));
      return t.passing();
    }),
    { numRuns: 30 },
  );
});

void test('property: the text of rows, written out of their bytes, is to the byte what the store answers', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 6 }), fc.nat(6), async (records, from) => {
      const lines = (await storedText(records)).split('\n');
      t.equal(written(records, Math.min(from, records.length)), lines.slice(from).join('\n'));
      return t.passing();
    }),
    { numRuns: 30 },
  );
});

void test('a row with more pairs than a character has values is read to its end', async (t) => {
  const metadata = Array.from({ length: 1500 }, (_, index): [string, string] => [`key ${index}`, `ü ${index}`]);
  const records = [aRecord({ metadata }), aRecord({ message: 'the next' })];

  t.strictSame(rowsOf(records), await stored(records));
  t.equal(written(records, 0), await storedText(records));
});

void test('rows are read from the one that is wanted, with the ids they have', async (t) => {
  const records = ['a', 'b', 'ç', 'd'].map((message) => aRecord({ message }));

  t.match(
    [...decodedRows(encodedRows(records), 100, 2)],
    [
      { id: 102, message: 'ç' },
      { id: 103, message: 'd' },
    ],
  );
});

void test('an application is named once a batch, whichever objects say it', async (t) => {
  const named = (version: string | null) => ({ name: 'shop', version, environment: null });
  const records = ['1', '2', '1', null, '2'].map((version) => aRecord({ application: named(version) }));
  const { applications } = encodedRows(records);

  t.strictSame(applications, [named('1'), named('2'), named(null)]);
  t.strictSame(
    rowsOf(records).map(({ version }) => version),
    ['1', '2', '1', null, '2'],
  );
});
