/**
 * Entry of the writer thread. Answers `ready` (or why not) first, then the calls of `WriterCalls`.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { WriterCalls, WriterNotice, WriterOptions } from '../protocol.ts';
import { plainError, serve } from './serve.ts';
import { Writer } from './writer.ts';

/** After this long without an append the WAL is checkpointed: snapshots open faster, and the file alone is complete. */
const idleCheckpointMs = 2000;

if (parentPort === null) throw new Error('writer-thread.ts runs in a worker thread');
const port = parentPort;

try {
  const writer = new Writer(workerData as WriterOptions, (message) => {
    port.postMessage({ notice: 'file_reopened', message } satisfies WriterNotice);
  });
  serveWriter(writer);
  port.postMessage({ id: 0, ok: true, result: null });
} catch (error) {
  port.postMessage({ id: 0, ok: false, error: plainError(error) });
}

function serveWriter(writer: Writer): void {
  const waiting: ((granted: { readonly pin: number }) => void)[] = [];
  const grantWaiting = (): void => {
    while (waiting.length > 0) {
      const granted = writer.tryPin();
      if (granted === null) return;
      waiting.shift()?.(granted);
    }
  };
  const idle = setTimeout(() => {
    writer.checkpoint();
    grantWaiting();
  }, idleCheckpointMs);
  idle.unref();

  serve<WriterCalls>(port, {
    applicationIds: (applications) => writer.applicationIds(applications),
    append(batch) {
      const appended = writer.append(batch);
      idle.refresh();
      return appended;
    },
    positions: () => writer.positions(),
    findRequest: (key) => writer.findRequest(key),
    state: (method, args) => writer.state(method, args),
    gaps: () => writer.gaps(),
    pin: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        grantWaiting();
      }),
    unpin(pin) {
      writer.unpin(pin);
      grantWaiting();
    },
    stats: () => writer.stats(),
    close() {
      clearTimeout(idle);
      writer.close();
      setImmediate(() => port.close()); // behind the answer to this call
    },
  });
}
