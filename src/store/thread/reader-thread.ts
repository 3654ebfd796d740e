/**
 * Entry of a reader thread: answers queries on one snapshot at a time. It may be terminated at any moment; the store then
 * removes the alias directory and gives the pin back.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { ReaderCalls } from '../protocol.ts';
import { countFields } from './field-counts.ts';
import { countHits, searchRows } from './queries.ts';
import { serve } from './serve.ts';
import { Snapshot } from './snapshot.ts';

if (parentPort === null) throw new Error('reader-thread.ts runs in a worker thread');
const { hotPath } = workerData as { hotPath: string };

let open: Snapshot | null = null;

function snapshotAt(directory: string): Snapshot {
  if (open?.directory === directory) return open;
  open?.close();
  open = new Snapshot(hotPath, directory);
  return open;
}

serve<ReaderCalls>(parentPort, {
  search: (snapshot, request) => searchRows(snapshotAt(snapshot).database, request),
  hits: (snapshot, request) => countHits(snapshotAt(snapshot).database, request),
  fieldCounts: (snapshot, request) => countFields(snapshotAt(snapshot).database, request),
  release() {
    open?.close();
    open = null;
  },
});
