/** F59: what happens when more waits for a sink than may, under each policy, and that every row is delivered or counted. */
import fc from 'fast-check';
import { type Test, test } from 'tap';
import { Admission } from '../../../src/pipeline/forward/admission.ts';
import { Backlog } from '../../../src/pipeline/forward/backlog.ts';
import { type Delivery, delivered } from '../../../src/sinks/sink.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { aRecord } from '../../records.ts';
import { tempDir } from '../../temp-dir.ts';
import { HastyClock, forwarding, scripted } from './forwarding.ts';

const batches = 10;
const rowsPerBatch = 200;
const written = batches * rowsPerBatch;
const MiB = 1024 * 1024;

/** Each tenth row is an error, each other one INFO; some 2 kB each, so that about 400 of them are 1 MiB. */
const someRows = () =>
  Array.from({ length: rowsPerBatch }, (_, index) =>
    aRecord({ severity: index % 10 === 9 ? 'ERROR' : 'INFO', message: 'x'.repeat(2000) }),
  );
const isError = (id: number): boolean => id % 10 === 0;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** An upstream that is down while `written` rows come, and then takes all. */
async function outage(t: Test, options: Record<string, unknown>) {
  let isUp = false;
  const taken: number[] = [];
  const sink = scripted(
    (rows): Delivery => {
      if (!isUp) return { kind: 'unavailable', reason: 'down' };
      taken.push(...rows.map(({ id }) => id));
      return delivered;
    },
    { max_backlog: '1MiB', batch_rows: 50, ...options },
  );
  const store = new SqliteStore(`${await tempDir(t)}/regression.db`);
  const { until, add, admission } = await forwarding(t, [sink], { store });
  return { taken, until, add, admission, store, recover: () => void (isUp = true) };
}

void test('F59: drop_oldest: the oldest rows go unsent and are counted at once, the newest are delivered', async (t) => {
  const { taken, until, add, recover } = await outage(t, {});
  for (let part = 0; part < batches; part++) {
    await add(someRows());
    await until(({ state }) => state === 'waiting');
  }
  const full = await until(({ droppedRows, lagBytes }) => droppedRows > 0 && lagBytes <= MiB);
  recover();
  const status = await until(({ position, lagRows }) => position === written && lagRows === 0);

  t.ok(full.droppedRows > written / 2, String(full.droppedRows));
  t.equal(status.deliveredRows + status.droppedRows, written);
  t.same(taken, upTo(written).slice(status.droppedRows));
});

void test('F59: rows that fit are kept, though the store was nearly empty when it was looked what a row takes', async (t) => {
  for (const when_full of ['drop_oldest', 'drop_newest']) {
    const down = scripted(() => ({ kind: 'unavailable', reason: 'down' }), { max_backlog: '4MiB', when_full });
    const records = [aRecord({ message: 'first' })];
    const store = new SqliteStore(`${await tempDir(t)}/regression.db`);
    const { add, until, metrics } = await forwarding(t, [down], { store, records, clock: new HastyClock(1) });
    await until(({ state }) => state === 'waiting');
    await add(Array.from({ length: 2000 }, (_, index) => aRecord({ message: `row ${index}` })));

    t.match(await until(({ lagRows, droppedRows }) => lagRows + droppedRows === 2001), { droppedRows: 0 }, when_full);
    t.notMatch(await metrics.registry.metrics(), /sink_dropped_total\{sink="scripted"\} [1-9]/);
  }
});

void test('F59: drop_newest: what waits is delivered, what comes while it is full is not, and is counted', async (t) => {
  const { taken, until, add, recover } = await outage(t, { when_full: 'drop_newest' });
  for (let part = 0; part < batches; part++) {
    await add(someRows());
    await until(({ state }) => state === 'waiting');
  }
  const full = await until(({ droppedRows, lagBytes }) => droppedRows > 0 && lagBytes <= 1.5 * MiB);
  t.ok(full.droppedRows > written / 2, String(full.droppedRows));
  recover();
  await until(({ position, lagRows }) => position === written && lagRows === 0);
  await add(someRows());
  const status = await until(({ position }) => position === written + rowsPerBatch);

  t.equal(status.deliveredRows + status.droppedRows, written + rowsPerBatch);
  t.same(taken.slice(0, 100), upTo(100), 'what came first');
  t.same(
    taken.slice(-rowsPerBatch),
    upTo(written + rowsPerBatch).slice(written),
    'what came when there was room again',
  );
  t.same(
    taken,
    [...new Set(taken)].sort((a, b) => a - b),
    'in order, nothing twice',
  );
});

void test('F59: rows of a severity that is kept are delivered, whichever others are dropped', async (t) => {
  for (const policy of ['drop_oldest', 'drop_newest']) {
    const { taken, until, add, recover } = await outage(t, { when_full: policy, keep_severity: 'ERROR' });
    for (let part = 0; part < batches; part++) {
      await add(someRows());
      await until(({ state }) => state === 'waiting');
    }
    await until(({ droppedRows }) => droppedRows > 0);
    recover();
    const status = await until(({ position, lagRows }) => position === written && lagRows === 0);

    t.same(taken.filter(isError), upTo(written).filter(isError), `${policy}: every error, in order`);
    t.ok(taken.filter((id) => !isError(id)).length < written / 2);
    t.equal(status.deliveredRows, taken.length);
    t.equal(status.deliveredRows + status.droppedRows, written, `${policy}: delivered or counted`);
  }
});

void test('F59: a filter: dropped is what the sink would have got, and nothing else', async (t) => {
  const { taken, until, add, recover } = await outage(t, { severity: 'ERROR' });
  for (let part = 0; part < batches; part++) {
    await add(someRows());
    await until(({ state }) => state === 'waiting');
  }
  await until(({ droppedRows }) => droppedRows > 0);
  recover();
  const status = await until(({ position, lagRows }) => position === written && lagRows === 0);

  t.equal(status.deliveredRows + status.droppedRows, written / 10);
  t.same(taken, upTo(written).filter(isError).slice(status.droppedRows));
});

void test('F59: block: no row is taken in while it is full, none is lost, and it goes on when there is room', async (t) => {
  const { taken, until, add, admission, recover, store } = await outage(t, { when_full: 'block' });
  const come = async (): Promise<void> => {
    for (let part = 0; part < batches; part++) await add(someRows());
  };
  let isTaken = false;
  const coming = come().then(() => (isTaken = true));
  while (admission.closedBy.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await until(({ state, lagBytes }) => state === 'waiting' && lagBytes > MiB);
  t.notOk(isTaken);
  t.ok((await store.stats()).lastId < written);

  recover();
  await coming;
  t.match(await until(({ position }) => position === written), { droppedRows: 0, deliveredRows: written });
  t.same(taken, upTo(written));
  t.same(admission.closedBy, []);
});

void test('whatever comes, is delivered and fails: gaps are passed in order, and no more waits than may', async (t) => {
  const step = fc.oneof(
    fc.record({ does: fc.constant('come' as const), rows: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ does: fc.constant('deliver' as const), rows: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ does: fc.constant('fail' as const), rows: fc.constant(0) }),
  );
  const policy = fc.constantFrom('drop_oldest' as const, 'drop_newest' as const);
  fc.assert(
    fc.property(policy, fc.array(step, { maxLength: 60 }), (whenFull, steps) => {
      const maxRows = 100;
      const backlog = new Backlog('a', { max_backlog: maxRows, when_full: whenFull }, new Admission());
      let [position, lastId, isStuck] = [0, 0, false];
      const look = () => backlog.look({ position, takenId: position, lastId, bytesPerRow: 1, isStuck });
      for (const { does, rows } of steps) {
        if (does === 'come') lastId += rows;
        isStuck = does === 'fail' || (isStuck && does === 'come');
        if (does === 'deliver') {
          const gapEnd = backlog.gapAt(position, lastId);
          position = gapEnd ?? Math.min(position + rows, lastId, backlog.readableUntil(position));
        }
        look();
        const waiting = lastId - position - backlog.gapRows(position, lastId);
        if (waiting < 0 || waiting > maxRows) return false;
      }
      // To the end: every id is passed once, and it ends at the last.
      for (let turns = 0; position < lastId; turns++) {
        const next =
          backlog.gapAt(position, lastId) ?? Math.min(position + 10, lastId, backlog.readableUntil(position));
        if (next <= position || turns > 1000) return false;
        position = next;
      }
      return position === lastId;
    }),
    { numRuns: 300 },
  );
  t.pass();
});
