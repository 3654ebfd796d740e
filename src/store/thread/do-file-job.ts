/** What a job on files is, done in the thread that calls (see ../file-jobs.ts). */
import type { FileJob, FileJobResult } from '../file-jobs.ts';
import { checkFile, copyFile } from './file-checks.ts';
import { hashFile } from './file-hash.ts';
import { renewOrigin } from './hot-copy.ts';
import { applicationsIn, renumberApplications } from './segment-applications.ts';
import { packSegment, unpackFile } from './segment-packing.ts';
import { rebuildSegment } from './segment-rebuilding.ts';

export async function doFileJob(job: FileJob): Promise<FileJobResult> {
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
    case 'rebuild':
      await rebuildSegment(job.path, job.to, job.format);
      return null;
    case 'applications':
      return applicationsIn(job.path);
    case 'renumber':
      renumberApplications(job.path, job.applications);
      return null;
    case 'renew_origin':
      renewOrigin(job.path);
      return null;
    default:
      throw new Error(`unknown job ${String(job satisfies never)}`);
  }
}
