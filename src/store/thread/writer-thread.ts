/**
 * Entry of the writer thread. Answers `ready` (or why not) first, then the calls of `WriterCalls`.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { WriterCalls, WriterOptions } from '../protocol.ts';
import { free } from '../../runtime/free.ts';
import { settleHeap } from '../../runtime/settled-heap.ts';
import { plainError, serve } from './serve.ts';
import { Writer } from './writer.ts';

/** After this long without an append the WAL is checkpointed: snapshots open faster, and the file alone is complete. */
const idleCheckpointMs = 2000;
/** How often the age of the hot file is looked at when nothing is appended. */
const ageCheckMs = 30_000;

if (parentPort === null) throw new Error('writer-thread.ts runs in a worker thread');
const port = parentPort;

try {
  const writer = new Writer(workerData as WriterOptions, { notify: (notice) => port.postMessage(notice) });
  serveWriter(writer);
  settleHeap();
  port.postMessage({ id: 0, ok: true, result: null });
} catch (error) {
  port.postMessage({ id: 0, ok: false, error: plainError(error) });
}

function serveWriter(writer: Writer): void {
  const idle = setTimeout(() => writer.checkpoint(), idleCheckpointMs);
  const aging = setInterval(() => writer.rotateIfDue(), ageCheckMs);
  idle.unref();
  aging.unref();

  serve<WriterCalls>(port, {
    applicationIds: (applications) => writer.applicationIds(applications),
    append(batch) {
      try {
        return writer.append(batch);
      } finally {
        idle.refresh();
        free(batch.rows.buffer);
      }
    },
    positions: () => writer.positions(),
    gaps: () => writer.gaps(),
    findRequest: (key) => writer.findRequest(key),
    patterns: () => writer.patterns(),
    state: (method, args) => writer.state(method, args),
    pin: () => writer.pin(),
    unpin: (pin) => writer.unpin(pin),
    rotate: () => writer.rotate(),
    segments: () => writer.segments,
    removeSegments: (firstIds, reason) => writer.removeSegments(firstIds, reason),
    segmentSealed: (manifest) => writer.segmentSealed(manifest),
    replaceDamaged: (reason) => writer.replaceDamaged(reason),
    stats: () => writer.stats(),
    close() {
      clearTimeout(idle);
      clearInterval(aging);
      writer.close();
      setImmediate(() => port.close()); // behind the answer to this call
    },
  });
}
