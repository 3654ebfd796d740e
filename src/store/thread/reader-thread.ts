/**
 * Entry of a reader thread: answers queries on one snapshot at a time and the segments beside it. It may be terminated at any
 * moment; the store then removes the thread's directory and gives the pin back.
 */
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { RegressionError } from '../../runtime/errors.ts';
import { free } from '../../runtime/free.ts';
import { settleHeap } from '../../runtime/settled-heap.ts';
import type { ReaderCalls, ReaderOptions } from '../protocol.ts';
import { countFields } from './field-counts.ts';
import { damageOfTable, tablesOf } from './file-checks.ts';
import { copyHot } from './hot-copy.ts';
import type { HotCopy, Segment } from '../segments.ts';
import { giveWay } from './give-way.ts';
import { capWasmMemory } from './memory-cap.ts';
import { OpenSegments } from './open-segments.ts';
import { patternExtent, patternHistories } from './pattern-history.ts';
import { countHits } from './hit-counts.ts';
import { NumberColumns } from './number-columns.ts';
import { PageFile } from './pages/page-file.ts';
import { searchRows } from './queries.ts';
import type { Sources } from './sources.ts';
import { SegmentAnswers } from './segment-answers.ts';
import { serve } from './serve.ts';
import { Snapshot, walOf } from './snapshot.ts';
import { filesOf } from './sql-files.ts';
import { runSql } from './sql-statement.ts';
import { UnsealedRows } from './unsealed-rows.ts';

if (parentPort === null) throw new Error('reader-thread.ts runs in a worker thread');
const { hotPath, directory, maxMemoryBytes, cacheBytes } = workerData as ReaderOptions;
if (maxMemoryBytes !== null) capWasmMemory(maxMemoryBytes);

// A flood of questions keeps both readers busy all the time: taking rows in goes before, sealing and backups (10) behind.
giveWay(8);
settleHeap();

let hot: Snapshot | null = null;
let segments: readonly Segment[] = [];
const openSegments = new OpenSegments(directory);
const answers = new SegmentAnswers();
const unsealed = new UnsealedRows();
const numbers = new NumberColumns(cacheBytes);
const wal = walOf(hotPath);

function sourcesAt(snapshot: string): Sources {
  if (hot?.directory !== snapshot) {
    hot?.close();
    hot = new Snapshot(hotPath, snapshot, wal, cacheBytes);
  }
  const opened = hot;
  return {
    hot: opened.database,
    segments,
    open: (segment) => openSegments.get(segment),
    openPages: (segment) => (segment === null ? opened.openPages() : new PageFile(segment.path, 'r')),
    answers,
    unsealed,
    numbers,
    hotOrder: opened.order,
  };
}

/** @throws RegressionError `SNAPSHOT_LOST`, whatever the answer or the error was, when the file was changed meanwhile. */
function consistent<Result>(snapshot: string, query: (sources: Sources) => Result): Result {
  try {
    return query(sourcesAt(snapshot));
  } finally {
    if (hot?.isIntact === false) {
      // oxlint-disable-next-line no-unsafe-finally -- neither the answer nor the error is worth anything
      throw new RegressionError('SNAPSHOT_LOST', 'another program changed the database file under a query', {
        retryable: true,
      });
    }
  }
}

serve<ReaderCalls>(parentPort, {
  useSegments(list) {
    segments = list;
    openSegments.keepOnly(list);
    answers.keepOnly(list);
    unsealed.keepOnly(list);
    numbers.keepOnly(list);
  },
  search(snapshot, request, memory) {
    const page = consistent(snapshot, (sources) => searchRows(sources, request, memory));
    if (memory !== undefined && page.bytes?.buffer !== memory) free(memory);
    return page;
  },
  hits: (snapshot, request) => consistent(snapshot, (sources) => countHits(sources, request)),
  fieldCounts: (snapshot, request) => consistent(snapshot, (sources) => countFields(sources, request)),
  patternHistories: (snapshot, requests) => consistent(snapshot, ({ hot }) => patternHistories(hot, requests)),
  patternExtent: (snapshot, request) => consistent(snapshot, ({ hot }) => patternExtent(hot, request)),
  sql: (snapshot, request) =>
    consistent(snapshot, ({ hot: database }) =>
      runSql(database, request, filesOf(segments, request), {
        range: request,
        aliases: join(directory, 'sql'),
        outsideTransaction: (work) => (hot === null ? work() : hot.outsideTransaction(work)),
      }),
    ),
  tables: (snapshot) => consistent(snapshot, ({ hot: database }) => tablesOf(database)),
  checkTable: (snapshot, table) => consistent(snapshot, ({ hot: database }) => damageOfTable(database, table)),
  copyHot: (snapshot, path) =>
    consistent(snapshot, ({ hot: database }) => {
      const copy = (): HotCopy => copyHot(database, segments, path);
      return hot === null ? copy() : hot.outsideTransaction(copy);
    }),
  release() {
    hot?.close();
    hot = null;
  },
});
