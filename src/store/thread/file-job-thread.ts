/** Entry of a thread that does jobs on files (see ../file-jobs.ts). */
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { FileJobCalls } from '../file-jobs.ts';
import { doFileJob } from './do-file-job.ts';
import { serve } from './serve.ts';

const niceness = 10;

if (parentPort === null) throw new Error('file-job-thread.ts runs in a worker thread');
const port = parentPort;

try {
  setPriority(0, niceness); // on Linux: of this thread alone
} catch {
  // it then competes with ingest on equal terms: slower, not wrong
}
serve<FileJobCalls>(port, { run: (job) => doFileJob(job) });
