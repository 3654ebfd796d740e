/**
 * Runs in a worker thread: appends lines of w1 to a file at a steady rate until it is ended. In a thread of its own, so that the lines
 * do not disturb whoever measures, nor the measuring the lines.
 */
import { appendFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { atTime, chunksOf } from './workload.ts';

export interface FeedOptions {
  readonly path: string;
  readonly perSecond: number;
  /** Time of the first line; the others follow as time passes. */
  readonly startMs: number;
  /** [0]: how many lines have been written. */
  readonly written: Int32Array;
}

const tickMs = 100;
const { path, perSecond, startMs, written } = workerData as FeedOptions;
const lines = [...chunksOf('w1', 50_000)].flatMap((chunk) => chunk.trimEnd().split('\n'));
const startedAtMs = performance.now();
let count = 0;
setInterval(() => {
  const elapsedMs = performance.now() - startedAtMs;
  const due = Math.floor((elapsedMs / 1000) * perSecond);
  let text = '';
  for (; count < due; count++) text += `${atTime(lines[count % lines.length] ?? '', startMs + elapsedMs)}\n`;
  if (text !== '') appendFileSync(path, text);
  written[0] = count;
}, tickMs);
