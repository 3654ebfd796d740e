/** Entry of a thread that does jobs on files (see ../file-jobs.ts). */
import { parentPort } from 'node:worker_threads';
import type { FileJobCalls } from '../file-jobs.ts';
import { doFileJob } from './do-file-job.ts';
import { giveWay } from './give-way.ts';
import { serve } from './serve.ts';

const niceness = 10;

if (parentPort === null) throw new Error('file-job-thread.ts runs in a worker thread');
const port = parentPort;

giveWay(niceness);
serve<FileJobCalls>(port, { run: (job) => doFileJob(job) });
