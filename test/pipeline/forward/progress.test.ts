/** When the next batch goes out, with the outcome of the one before it not yet stored. */
import { test } from 'tap';
import { maxBatchesAhead } from '../../../src/pipeline/forward/sink-progress.ts';
import { delivered } from '../../../src/sinks/sink.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { someRecords } from '../../records.ts';
import { forwarding, scripted } from './forwarding.ts';

/** Stores no outcome before it is let. */
class HeldStore extends SqliteStore {
  readonly #freed = Promise.withResolvers<void>();

  constructor() {
    super(':memory:');
    const { finishBatch } = this.state;
    Object.assign(this.state, {
      finishBatch: async (...asked: Parameters<typeof finishBatch>) => {
        await this.#freed.promise;
        return finishBatch(...asked);
      },
    });
  }

  free(): void {
    this.#freed.resolve();
  }
}

for (const { repetitions, ahead } of [
  { repetitions: 'by row', ahead: 'a few batches go out while the outcome of the first is stored, and no more' },
  { repetitions: 'by batch', ahead: 'where batches come again as they were, none goes out before' },
  { repetitions: 'untold', ahead: 'where nothing tells what comes again, none goes out before' },
] as const) {
  void test(`${ahead}; all is stored at the end`, async (t) => {
    const store = new HeldStore();
    const sent: number[] = [];
    const sink = scripted((rows) => (sent.push(rows.length), delivered), { batch_rows: 10 }, repetitions);
    const { until, forwarder } = await forwarding(t, [sink], { store, records: someRecords(200) });
    const atOnce = repetitions === 'by row' ? maxBatchesAhead + 1 : 1;
    while (sent.length < atOnce) await new Promise((resolve) => setTimeout(resolve, 5));
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    t.equal(sent.length, atOnce);

    store.free();
    t.match(await until(({ position }) => position === 200), { deliveredRows: 200 });
    await forwarder.stop();
    t.match(await store.state.sinks(), [{ position: 200, deliveredRows: 200, batch: null }]);
    t.same(
      sent,
      Array.from({ length: 20 }, () => 10),
    );
  });
}
