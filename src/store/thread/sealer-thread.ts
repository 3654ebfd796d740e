/**
 * Entry of a sealing thread: seals one segment and ends, so that the memory it took goes with it.
 */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import type { Reply, SealOptions } from '../protocol.ts';
import { plainError } from './serve.ts';
import { sealSegment } from './seal.ts';

if (parentPort === null) throw new Error('sealer-thread.ts runs in a worker thread');
const port = parentPort;
const { segment, directory, niceness } = workerData as SealOptions;

try {
  setPriority(0, niceness); // on Linux: of this thread alone
} catch {
  // it then competes with ingest on equal terms: slower, not wrong
}
try {
  const manifest = sealSegment(segment, directory, Date.now);
  port.postMessage({ id: 0, ok: true, result: manifest } satisfies Reply);
} catch (error) {
  port.postMessage({ id: 0, ok: false, error: plainError(error) } satisfies Reply);
}
