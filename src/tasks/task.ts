/**
 * What a task is: something that is done to the store on a schedule or when somebody asks. registry.ts lists them; a new one is
 * a file, a line there and a test. Its options are described in its schema and stand under `tasks.<name>` of the configuration.
 */
import type { z } from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { FileJobRunner } from '../store/file-jobs.ts';
import type { RemovalReason } from '../store/segments.ts';
import type { Store } from '../store/store.ts';

export interface TaskKind<Options extends z.ZodObject> {
  /** One line: what it does. */
  readonly summary: string;
  readonly options: Options;
  /** False when the options leave nothing to do: it is not put on the schedule then. */
  readonly isWanted?: (options: z.output<Options>, backupDir: string | null) => boolean;
  /** Runs beside other tasks; those that may not run one after another. */
  readonly isConcurrent?: boolean;
  /** @throws RegressionError; running it again later is always right, also after a kill. */
  run(context: TaskContext, options: z.output<Options>): Promise<TaskOutcome>;
}

export interface TaskContext {
  readonly store: Store;
  readonly dataDir: string;
  /** Where `backup` puts backups; null when it has no directory. */
  readonly backupDir: string | null;
  readonly clock: Clock;
  /** For work on whole files, away from ingest. */
  readonly jobs: FileJobRunner;
  /** Bytes that this user may still write on the file system of a directory. */
  readonly freeBytes: (directory: string) => Promise<number>;
  /** Also wait for what the task sets going in the background. */
  readonly waits: boolean;
  /** Aborts when the daemon stops: the task then gives up soon, and leaves nothing half done under a final name. */
  readonly signal: AbortSignal;
  /** @param share 0 to 1. @param doing what is being done, for people. */
  readonly progress: (share: number, doing: string) => void;
  /** Counts rows that the task has taken out of the store. */
  readonly rowsRemoved: (reason: RemovalReason, rows: number) => void;
}

export interface TaskOutcome {
  /** What was done, for people. */
  readonly message: string;
  /** The same for machines: plain JSON. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

export function noBackupDir(): RegressionError {
  return new RegressionError('CONFIG_INVALID', 'tasks.backup.dir names no directory', {
    hint: 'Set it in the configuration, or REGRESSION_TASKS_BACKUP_DIR; where a daemon runs, it is the daemon that needs it.',
  });
}
