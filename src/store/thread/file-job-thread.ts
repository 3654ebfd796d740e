/** Entry of a thread that does jobs on files (see ../file-jobs.ts). */
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { FileJob, FileJobCalls } from '../file-jobs.ts';
import { checkFile, copyFile } from './file-checks.ts';
import { hashFile } from './file-hash.ts';
import { packSegment, unpackFile } from './segment-packing.ts';
import { serve } from './serve.ts';

const niceness = 10;

if (parentPort === null) throw new Error('file-job-thread.ts runs in a worker thread');
const port = parentPort;

async function done(job: FileJob): ReturnType<FileJobCalls['run']> {
  switch (job.job) {
    case 'copy':
      return copyFile(job.from, job.to);
    case 'hash':
      return hashFile(job.path);
    case 'check':
      return checkFile(job.path, job.isFull);
    case 'pack':
      return packSegment(job.path, job.to, job.format);
    case 'unpack':
      return unpackFile(job.path, job.to);
    default:
      throw new Error(`unknown job ${String(job satisfies never)}`);
  }
}

try {
  setPriority(0, niceness); // on Linux: of this thread alone
} catch {
  // it then competes with ingest on equal terms: slower, not wrong
}
serve<FileJobCalls>(port, { run: (job) => done(job) });
