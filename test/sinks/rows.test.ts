/** Rows on their way to an upstream: the same words wherever they came from, and parts of them. */
import { test } from 'tap';
import type { LogRow } from '../../src/search/request.ts';
import { Rows } from '../../src/sinks/rows.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { configured, forwarding } from '../pipeline/forward/forwarding.ts';
import { aRecord } from '../records.ts';
import { tempDir } from '../temp-dir.ts';
import { ScriptedUpstream } from './scripted-upstream.ts';

const row = (id: number): LogRow => ({
  ...aRecord(),
  id,
  application: 'shop',
  version: null,
  environment: null,
  metadata: {},
});
const idsOf = (rows: Rows): number[] => [...rows].map(({ id }) => id);

void test('parts of rows are rows, in the order asked for', async (t) => {
  const rows = Rows.from([1, 2, 3, 4, 5].map(row));

  t.same([rows.length, rows.at(0).id, rows.at(-1).id], [5, 1, 5]);
  t.same(idsOf(rows.slice(1, 3)), [2, 3]);
  t.same(idsOf(rows.slice(1, 4).slice(1)), [3, 4]);
  t.same(idsOf(rows.slice(1).pick([3, 0])), [5, 2]);
  t.same(idsOf(rows.filter(({ id }) => id % 2 === 0)), [2, 4]);
  t.same(idsOf(Rows.joined([rows.slice(3), rows.pick([0])])), [4, 5, 1]);
  t.same(idsOf(Rows.joined([])), []);
  t.throws(() => rows.slice(1, 2).at(1), RangeError);
  t.same(
    Buffer.concat([...rows.pick([4, 1]).lines()]).toString(),
    [5, 2].map((id) => `${JSON.stringify(row(id))}\n`).join(''),
  );
});

void test('neighbouring rows are sent as they lie, without a copy; others, and keys that objects put first, are written anew', async (t) => {
  const ofKeys = (id: number, metadata: Record<string, string>): LogRow => ({ ...row(id), metadata });
  const bytes = Buffer.from(
    [1, 2, 3, 4].map((id) => `${JSON.stringify(ofKeys(id, { '': '"7":', a1: ':' }))}\n`).join(''),
  );
  const rows = Rows.of(bytes);
  const asLines = (of: Rows): string => Buffer.concat([...of.lines()]).toString();

  const whole = rows.text();
  t.equal(whole.buffer, bytes.buffer);
  for (const part of [rows, rows.slice(1, 3), rows.slice(2), rows.pick([0, 2]), rows.slice(0, 0), Rows.joined([])]) {
    t.equal(Buffer.from(part.text()).toString(), asLines(part));
  }
  t.equal(rows.slice(1, 3).text().buffer, bytes.buffer);
  t.not(rows.pick([0, 2]).text().buffer, bytes.buffer);
  const numeric = Buffer.from('{"id":1,"metadata":{"z":"","10":"a","9":"b"}}\n');
  t.equal(Buffer.from(Rows.of(numeric).text()).toString(), '{"id":1,"metadata":{"9":"b","10":"a","z":""}}\n');
  t.equal(
    Buffer.from(Rows.of(numeric.subarray(0, -1)).text())
      .toString()
      .at(-1),
    '\n',
  );
});

void test('F52: what is sent of a row is word for word the same from memory, from pages of the file and from the engine', async (t) => {
  const controls = Array.from({ length: 0x21 }, (_, code) => String.fromCharCode(code)).join('');
  const odd = aRecord({
    message: `${controls} " \\ / \u007f \u0080 \u2028 \u{1f600} \ud800 <`,
    metadata: [
      ['10', 'a'],
      ['9', 'b'],
      ['__proto__', 'c'],
      ['key "quoted" \\ \u0007', '\u2029\t'],
      ['z', ''],
    ],
    application: { name: 'x', version: null, environment: null },
  });
  const plain = aRecord({ message: 'plain', metadata: [['user', 'u-1']] });
  const records = Array.from({ length: 300 }, (_, index) => (index % 100 === 50 ? odd : plain));
  const received: string[] = [];
  for (const [isStored, batch] of [
    [false, 300],
    [true, 300],
    [true, 150],
  ] as const) {
    const upstream = await ScriptedUpstream.listen(t);
    const store = new SqliteStore(`${await tempDir(t)}/regression.db`);
    const sink = configured('http', { url: upstream.url, batch_rows: batch });
    const { add, until } = await forwarding(t, [sink], { store, ...(isStored ? { records } : {}) });
    if (!isStored) await add(records);
    await until(({ position }) => position === 300);
    received.push(upstream.received.map(({ text }) => text).join(''));
  }

  t.equal(received[0]?.split('\n').length, 301);
  t.equal(received[1], received[0]);
  t.equal(received[2], received[0]);
});
