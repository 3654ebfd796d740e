/** The store against a model of ten lines, over random histories of what can happen to it. */
import fc from 'fast-check';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'tap';
import type { SearchRequest } from '../../src/search/request.ts';
import { openStore } from '../../src/store/remote-store.ts';
import type { Segment } from '../../src/store/segments.ts';
import { OpenSegments } from '../../src/store/thread/open-segments.ts';
import { searchRows } from '../../src/store/thread/queries.ts';
import { SegmentAnswers } from '../../src/store/thread/segment-answers.ts';
import { Snapshot } from '../../src/store/thread/snapshot.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { aPosition, aRecord, someRecords } from '../records.ts';
import { memoryDir, tempDir } from '../temp-dir.ts';
import { killedBeforeCall } from './interrupted-fs.ts';
import { walk } from './store.contract.ts';

type Work =
  | { readonly work: 'append'; readonly rows: number }
  | { readonly work: 'rotate' | 'seal' | 'checkpoint' | 'close' };
type Step =
  | ({ readonly do: 'work' } & Work)
  | ({ readonly do: 'kill'; readonly afterCalls: number } & Work)
  | { readonly do: 'page' | 'snapshot' | 'look' | 'release' };

const work: fc.Arbitrary<Work> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ work: fc.constant('append' as const), rows: fc.integer({ min: 1, max: 20 }) }) },
  fc.record({ work: fc.constantFrom('rotate' as const, 'seal' as const, 'checkpoint' as const, 'close' as const) }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: work.map((what) => ({ do: 'work' as const, ...what })) },
  {
    weight: 1,
    arbitrary: fc.tuple(work, fc.nat(150)).map(([what, afterCalls]) => ({ do: 'kill' as const, afterCalls, ...what })),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'page' as const }) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('snapshot' as const, 'snapshot' as const, 'look' as const, 'release' as const)
      .map((what) => ({ do: what })),
  },
);

/** Rows of every batch that was acknowledged, and of the one a kill left open. */
class Model {
  acknowledged = 0;
  inDoubt = 0;

  /** Timestamps go up and down, so that files overlap in time. */
  timestampOf(id: number): string {
    return `2026-11-24T03:00:${String((id * 37) % 60).padStart(2, '0')}.000000Z`;
  }
}

/** A snapshot that is open, beside the segments of the moment, and what it has to go on seeing. */
class Held {
  readonly #snapshot: Snapshot;
  readonly #segments: readonly Segment[];
  readonly #openSegments: OpenSegments;
  readonly #rows: number;
  readonly pin: number;

  constructor(path: string, { pin, rows, segments }: { pin: number; rows: number; segments: readonly Segment[] }) {
    const directory = join(dirname(path), 'snapshots', `held-${pin}`);
    this.#snapshot = new Snapshot(path, join(directory, 'hot'));
    this.#openSegments = new OpenSegments(directory);
    this.#segments = segments;
    this.#rows = rows;
    this.pin = pin;
  }

  look(): void {
    const sources = {
      hot: this.#snapshot.database,
      segments: this.#segments,
      open: (one: Segment) => this.#openSegments.get(one),
      answers: new SegmentAnswers(),
    };
    const { ndjson } = searchRows(sources, { filter: {}, order: 'arrival', limit: 1000 });
    const ids = [...ndjson.matchAll(/^\{"id":(\d+)/gm)].map(([, id]) => Number(id));
    const isRight = ids.length === this.#rows && ids.every((id, index) => id === index + 1);
    if (!isRight) throw new Error(`a snapshot of ${this.#rows} rows shows ${String(ids)}`);
    if (!this.#snapshot.isIntact) throw new Error('the file was changed under a snapshot');
  }

  close(): void {
    this.#openSegments.close();
    this.#snapshot.close();
  }

  /** Its process is killed: the files are closed, the aliases stay. */
  abandon(): void {
    try {
      this.#snapshot.database.close();
    } catch {
      // it would checkpoint, and cannot
    }
  }
}

async function play(steps: readonly Step[], directory: string): Promise<void> {
  const path = join(directory, 'regression.db');
  const open = (): SqliteStore => new SqliteStore(path, { checkpointBytes: 300 * 1024 });
  const model = new Model();
  let store = open();
  let after: SearchRequest['after'];
  let seen = 0;
  let held: Held[] = [];
  /** Rotations that wait for snapshots. */
  let waiting: Promise<unknown>[] = [];

  const release = async (count: number): Promise<void> => {
    for (const one of held.splice(0, count)) {
      one.look();
      one.close();
      store.writer.unpin(one.pin);
    }
    if (held.length === 0) await Promise.all(waiting.splice(0));
  };
  const append = async (rows: number): Promise<void> => {
    model.inDoubt = rows;
    const next = model.acknowledged + 1;
    const records = Array.from({ length: rows }, (_, index) =>
      aRecord({
        timestamp: model.timestampOf(next + index),
        message: `row ${next + index}`,
        metadata: [['n', `${next + index}`]],
      }),
    );
    await store.append({ records, positions: [aPosition({ offset: next + rows - 1 })], gaps: [] });
    model.acknowledged += rows;
    model.inDoubt = 0;
  };
  const perform = async (what: Work): Promise<void> => {
    if ('rows' in what) await append(what.rows);
    else if (what.work === 'rotate') await rotate();
    else if (what.work === 'seal') await store.sealed();
    else if (what.work === 'checkpoint') await checkpoint();
    else await store.close();
  };
  const rotate = async (): Promise<void> => {
    const rotation = store.rotate();
    if (held.length === 0) await rotation;
    else waiting.push(rotation);
  };
  const checkpoint = async (): Promise<void> => {
    const before = (await store.stats()).checkpoints;
    store.writer.checkpoint();
    if (held.length > 0 && (await store.stats()).checkpoints !== before)
      throw new Error('a checkpoint beside a snapshot');
  };
  const hold = async (): Promise<void> => {
    if (waiting.length > 0) return; // a new pin waits behind them, for ever in this one thread
    const { pin } = await store.writer.pin();
    held.push(new Held(path, { pin, rows: model.acknowledged, segments: await store.segments() }));
  };
  const check = async (): Promise<void> => {
    const rows = await walk(store, { order: 'arrival', limit: 1000 });
    const offset = (await store.positions())[0]?.offset ?? 0;
    if (model.inDoubt > 0 && rows.length === model.acknowledged + model.inDoubt) model.acknowledged = rows.length;
    model.inDoubt = 0;
    if (rows.length !== model.acknowledged || offset !== model.acknowledged) {
      throw new Error(`${rows.length} rows, position ${offset}, acknowledged ${model.acknowledged}`);
    }
    const wrong = rows.find(
      ({ id, message, metadata }, index) => id !== index + 1 || message !== `row ${id}` || metadata['n'] !== `${id}`,
    );
    if (wrong !== undefined) throw new Error(`row ${JSON.stringify(wrong)}`);
  };

  for (const one of steps) {
    if (one.do === 'page') {
      const page = await store.search({ filter: {}, order: 'arrival', limit: 7, after });
      const ids = page.ndjson
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { id: number }).id);
      if (ids.some((id, index) => id !== seen + index + 1))
        throw new Error(`the walk went on with ${String(ids)} behind ${seen}`);
      seen += ids.length;
      after = page.last ?? after;
    } else if (one.do === 'snapshot') {
      await hold();
    } else if (one.do === 'look') {
      for (const snapshot of held) snapshot.look();
    } else if (one.do === 'release') {
      await release(1);
    } else if (one.do === 'kill') {
      await killedBeforeCall(one.afterCalls, () => perform(one));
      for (const snapshot of held) snapshot.abandon();
      [held, waiting] = [[], []]; // the dead neither read nor wait
      store = open();
      await check();
    } else if (one.do === 'work') {
      if (one.work === 'close') await release(held.length);
      await perform(one);
      if (one.work === 'close') store = open();
    }
  }
  await release(held.length);
  await check();
  const byTime = await walk(store, { order: 'asc', limit: 13 });
  const isSorted = byTime.every((row, index) => {
    const before = byTime[index - 1];
    return (
      before === undefined ||
      before.timestamp < row.timestamp ||
      (before.timestamp === row.timestamp && before.id < row.id)
    );
  });
  if (!isSorted || byTime.length !== model.acknowledged) throw new Error('not in the order of time');
  await store.close();
}

void test(
  'random histories of appends, checkpoints, snapshots, rotations, sealings, restarts, kills and page walks end as the model says (F36, F37)',
  { timeout: 300_000 },
  async (t) => {
    const root = await memoryDir(t);
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
        const directory = join(root, String(runs++));
        mkdirSync(directory);
        try {
          await play(steps, directory);
        } finally {
          rmSync(directory, { recursive: true, force: true });
        }
      }),
      { numRuns: 60 },
    );
    t.pass(`${runs} histories`);
  },
);

void test(
  'readers in threads see whole batches while appends, checkpoints, rotations, sealings and cut queries go on (F45)',
  { timeout: 120_000 },
  async (t) => {
    const store = await openStore({ dataDir: await tempDir(t), checkpointBytes: 256 * 1024, maxWalBytes: 1024 * 1024 });
    const batch = someRecords(100, { metadata: [['k', 'v']] });
    let rows = 0;
    let isWriting = true;
    const wrong: string[] = [];
    let answers = 0;
    let cut = 0;
    let maxWalBytes = 0;
    const reading = Array.from({ length: 3 }, async (_, reader) => {
      while (isWriting) {
        try {
          const hits = await store.hits({ filter: {}, stepSeconds: 60 }, { deadlineMs: reader === 2 ? 5 : 60_000 });
          const counted = hits.reduce((sum, { count }) => sum + count, 0);
          // An answer may be of a state some moments old, never of half a batch or of one that was not appended yet.
          if (counted % batch.length !== 0 || counted > rows + batch.length) wrong.push(`${counted} of ${rows}`);
          answers++;
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === 'QUERY_TIMEOUT')) throw error;
          cut++;
          // A thread that was ended is made anew, which takes longer than many a query.
          const resumeAt = rows + 20 * batch.length;
          while (isWriting && rows < resumeAt) await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    });
    for (let appended = 0; appended < 60; appended++) {
      await store.append({ records: batch, positions: [], gaps: [] });
      rows += batch.length;
      if (appended % 15 === 14) await store.rotate();
      maxWalBytes = Math.max(maxWalBytes, (await store.stats()).walBytes);
    }
    isWriting = false;
    await Promise.all(reading);
    await store.sealed();
    const { segments, unsealedSegments, openSnapshots } = await store.stats();
    await store.close();

    t.strictSame(wrong, []);
    t.strictSame({ segments, unsealedSegments }, { segments: 4, unsealedSegments: 0 });
    t.ok(openSnapshots <= 2, 'pins of cut queries are given back');
    t.ok(answers > 5 && cut > 0, `${answers} answers, ${cut} queries cut short`);
    t.ok(maxWalBytes < 8 * 1024 * 1024, `the WAL was at most ${maxWalBytes} bytes`);
  },
);
