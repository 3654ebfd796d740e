/**
 * What a task is: something that is done to the store on a schedule or when somebody asks. registry.ts lists them; a new one is
 * a file, a line there and a test. Its options are described in its schema and stand under `tasks.<name>` of the configuration.
 */
import type { z } from 'zod';
import type { Store } from '../store/store.ts';

export interface TaskKind<Options extends z.ZodObject> {
  /** One line: what it does. */
  readonly summary: string;
  readonly options: Options;
  /** @throws RegressionError; running it again later is always right. */
  run(context: TaskContext): Promise<TaskOutcome>;
}

export interface TaskContext {
  readonly store: Store;
  /** Also wait for what the task sets going in the background. */
  readonly waits: boolean;
}

export interface TaskOutcome {
  /** What was done, for people. */
  readonly message: string;
  /** The same for machines: plain JSON. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}
