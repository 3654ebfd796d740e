/** What a sink counts as unsent when its rows went to retention. */
import { test } from 'tap';
import type { LogRow } from '../../../src/search/request.ts';
import { delivered } from '../../../src/sinks/sink.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { someRecords } from '../../records.ts';
import { tempDir } from '../../temp-dir.ts';
import { forwarding, scripted } from './forwarding.ts';

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

void test('rows that retention took while the sink was down are counted, those between others too; what went before it was known is not', async (t) => {
  const directory = await tempDir(t);
  const open = () => new SqliteStore(`${directory}/regression.db`);
  const filled = open();
  for (let part = 0; part < 6; part++) {
    await filled.append({ records: someRecords(10), positions: [], gaps: [] });
    await filled.rotate();
  }
  await filled.removeSegments([1], 'age');
  const dead = await forwarding(t, [scripted(() => ({ kind: 'unavailable', reason: 'down' }))], { store: filled });
  await dead.until(({ lastError }) => lastError !== null);
  t.match(await dead.status(), { position: 10, droppedRows: 0 });
  await dead.forwarder.stop();
  await filled.removeSegments([11, 31, 51], 'size');
  await filled.close();

  const batches: (readonly LogRow[])[] = [];
  const sink = scripted((rows) => (batches.push(rows), delivered), { batch_rows: 7 });
  const { until } = await forwarding(t, [sink], { store: open(), records: someRecords(1) });
  const status = await until(({ position }) => position === 61);

  t.same(
    batches.flat().map(({ id }) => id),
    [...range(21, 30), ...range(41, 50), 61],
  );
  t.match(status, { deliveredRows: 21, droppedRows: 30 });
});
