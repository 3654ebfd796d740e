/**
 * Entry of a sealing thread: seals one segment and ends, so that the memory it took goes with it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { settleHeap } from '../../runtime/settled-heap.ts';
import type { Reply, SealOptions } from '../protocol.ts';
import { giveWay } from './give-way.ts';
import { plainError } from './serve.ts';
import { sealSegment } from './seal.ts';

if (parentPort === null) throw new Error('sealer-thread.ts runs in a worker thread');
const port = parentPort;
const { segment, directory, niceness, cacheBytes } = workerData as SealOptions;

giveWay(niceness);
settleHeap();
try {
  const manifest = sealSegment(segment, directory, Date.now, cacheBytes);
  port.postMessage({ id: 0, ok: true, result: manifest } satisfies Reply);
} catch (error) {
  port.postMessage({ id: 0, ok: false, error: plainError(error) } satisfies Reply);
}
