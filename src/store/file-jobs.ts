/**
 * Work on whole database files that are not the live one, in a thread that gives way to ingest: copies, checks,
 * exports. Used by backup, archive and restore.
 */
import type { Application } from '../record/log-record.ts';
import type { ArchiveFormat } from './archive-format.ts';
import { ThreadLink } from './thread-link.ts';

export type FileJob =
  /** Copies and syncs; shared blocks where the file system can. */
  | { readonly job: 'copy'; readonly from: string; readonly to: string }
  | { readonly job: 'hash'; readonly path: string }
  /** Opens the database. `isFull`: integrity_check and foreign keys, else quick_check. */
  | { readonly job: 'check'; readonly path: string; readonly isFull: boolean }
  /** Writes the rows of a sealed segment as one compressed file, synced. */
  | { readonly job: 'pack'; readonly path: string; readonly to: string; readonly format: ArchiveFormat }
  /** Decompresses (zstd); `sha256` is of what came out. */
  | { readonly job: 'unpack'; readonly path: string; readonly to: string }
  /** Makes a closed segment of rows that were packed in another form, synced. */
  | {
      readonly job: 'rebuild';
      readonly path: string;
      readonly to: string;
      readonly format: Exclude<ArchiveFormat, 'sqlite.zst'>;
    }
  /** Those that the rows of a closed or sealed segment belong to. */
  | { readonly job: 'applications'; readonly path: string }
  /** Gives them other ids, synced; a sealed segment has to be sealed again. */
  | {
      readonly job: 'renumber';
      readonly path: string;
      readonly applications: readonly (SegmentApplication & { readonly newId: number })[];
    }
  /** Names a store that was copied (its hot file is `path`) anew. */
  | { readonly job: 'renew_origin'; readonly path: string };

export interface HashedFile {
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface CheckedFile {
  /** `ok`, or what is wrong. */
  readonly verdict: string;
  readonly rows: number;
  readonly metadataRows: number;
  /** Of the rows; null without rows. */
  readonly firstId: number | null;
  readonly lastId: number | null;
  readonly minTimestamp: string | null;
  readonly maxTimestamp: string | null;
  readonly schemaVersion: number;
}

export interface SegmentApplication extends Application {
  /** In the segment. */
  readonly id: number;
}

interface Results {
  readonly copy: HashedFile;
  readonly hash: HashedFile;
  readonly check: CheckedFile;
  readonly pack: HashedFile;
  readonly unpack: HashedFile;
  readonly rebuild: null;
  readonly applications: readonly SegmentApplication[];
  readonly renumber: null;
  readonly renew_origin: null;
}

export type FileJobResult = Results[keyof Results];

export interface FileJobCalls {
  run(job: FileJob): Promise<FileJobResult>;
}

/** Does jobs, one after another. */
export interface FileJobRunner {
  run<Job extends FileJob>(job: Job): Promise<Results[Job['job']]>;
}

/** A thread for jobs; it begins with the first and goes with `await using`, or with the signal. */
export class FileJobs implements FileJobRunner, AsyncDisposable {
  readonly #signal: AbortSignal;
  #thread: ThreadLink<FileJobCalls> | null = null;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** @throws RegressionError from the job; the signal's reason when it aborts, the job is then given up where it is. */
  async run<Job extends FileJob>(job: Job): Promise<Results[Job['job']]> {
    this.#signal.throwIfAborted();
    this.#thread ??= new ThreadLink<FileJobCalls>('file-job-thread', null);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => {
      reject(this.#signal.reason instanceof Error ? this.#signal.reason : new Error('aborted'));
      void this[Symbol.asyncDispose]();
    };
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      return (await Promise.race([this.#thread.call('run', [job]), aborted])) as Results[Job['job']];
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.terminate();
  }
}
