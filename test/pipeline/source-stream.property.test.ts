/**
 * Exactness across restarts: random lines of two streams, records of several lines, random chunks, kills and quiet times. After every
 * kill the file is read again from the position that was last committed with rows.
 */
import fc from 'fast-check';
import { pino } from 'pino';
import { test } from 'tap';
import type { LineChunk } from '../../src/inputs/input.ts';
import { createFormat } from '../../src/parsers/registry.ts';
import { Ingest } from '../../src/pipeline/ingest.ts';
import type { Batch } from '../../src/record/batch.ts';
import type { LogRow } from '../../src/search/request.ts';
import { createMetrics } from '../../src/runtime/metrics.ts';
import type { Store } from '../../src/store/store.ts';
import { ManualClock } from '../manual-clock.ts';
import { aPosition, rowsOf } from '../records.ts';

const time = '2026-11-24T03:00:00.000000001Z';

interface Life {
  /** Lines handed on before the process dies, at most; in chunks of so many. */
  readonly lines: number;
  readonly chunk: number;
  /** Quiet times between chunks, where the number is divisible. */
  readonly pauseEvery: number;
}

const content = fc.array(
  fc.record({
    stream: fc.constantFrom('stdout', 'stderr', 'none'),
    isPartial: fc.boolean(),
    head: fc.constantFrom('  at ', '2026-11-24 03:00:00 INFO ', '{"msg":"x"} ', 'Caused by: ', 'text ', 'panic: '),
  }),
  { minLength: 1, maxLength: 60 },
);
const lives = fc.array(
  fc.record({ lines: fc.nat(40), chunk: fc.integer({ min: 1, max: 15 }), pauseEvery: fc.integer({ min: 2, max: 6 }) }),
  { maxLength: 6 },
);

void test('every line is in exactly one row, in order, across kills at any moment (F33, F34, F36)', async (t) => {
  await fc.assert(
    fc.asyncProperty(content, lives, async (shapes, died) => {
      const lines = shapes.map(({ stream, isPartial, head }, index) => {
        const text = `${head}#${index}#`;
        return stream === 'none' ? text : `${time} ${stream} ${isPartial ? 'P' : 'F'} ${text}`;
      });
      const rows: LogRow[] = [];
      let offset = 0;
      for (const life of died) offset = await live(lines, offset, life, rows, false);
      await live(lines, offset, { lines: lines.length, chunk: 7, pauseEvery: 2 }, rows, true);

      const numbers = rows.map(({ message }) => [...message.matchAll(/#(\d+)#/g)].map(([, number]) => Number(number)));
      const seen = numbers.flat().toSorted((a, b) => a - b);
      t.ok(seen.every((number, index) => number === index) && seen.length === lines.length);
      for (const ofRow of numbers) {
        const streams = new Set(ofRow.map((number) => shapes[number]?.stream));
        t.equal(streams.size, 1, 'streams are never mixed');
        t.strictSame(
          ofRow,
          ofRow.toSorted((a, b) => a - b),
        );
      }
    }),
    { numRuns: 300 },
  );
});

/** Reads on from `offset` (a line's number) until the life is over; answers the position that was committed last. */
async function live(
  lines: readonly string[],
  offset: number,
  life: Life,
  rows: LogRow[],
  isLast: boolean,
): Promise<number> {
  const clock = new ManualClock();
  let committed = offset;
  let isDead = false;
  const store = {
    append: async ({ records, positions }: Batch) => {
      if (isDead) throw new Error('the process is gone');
      rows.push(...rowsOf(records));
      committed = positions.at(-1)?.offset ?? committed;
    },
  } as unknown as Store;
  const ingest = new Ingest({
    store,
    createFormat,
    transform: (record) => record,
    defaults: {},
    clock,
    metrics: createMetrics(),
    logger: pino({ level: 'silent' }),
    maxQueuedBytes: 1e6,
    rowsPerBatch: 10,
    onFatal: () => undefined,
  });
  const multiline = { mode: 'auto', max_lines: 8, max_bytes: 4096, flush_after: 500 } as const;
  const stream = ingest.open({ source: '/var/log/pods/a.log', format: 'auto', applicationHint: 'a', multiline });
  const end = Math.min(offset + life.lines, lines.length);
  for (let at = offset; at < end; at += life.chunk) {
    const upTo = Math.min(at + life.chunk, end);
    const chunk: LineChunk = {
      lines: lines.slice(at, upTo).map((text, index) => ({ text, endOffset: at + index + 1 })),
      position: aPosition({ offset: upTo }),
    };
    await stream.write(chunk);
    if (at % life.pauseEvery === 0) await pause(clock);
  }
  if (isLast) {
    await stream.write({ lines: [], position: aPosition({ offset: lines.length, isEnded: true }) });
    await stream.end();
    await ingest.flushed();
  }
  isDead = true;
  await ingest.stop();
  return committed;
}

/** The quiet time passes, and what wakes from it has its turn. */
async function pause(clock: ManualClock): Promise<void> {
  clock.advance(600);
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}
