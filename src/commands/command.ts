/**
 * What a command is: a yargs module made by a function of its surroundings, so that tests can run it in their own process.
 */
import type { Readable, Writable } from 'node:stream';
import type { CommandModule } from 'yargs';

/** Flags that every command takes. */
export interface CommonFlags {
  /** Path of the YAML configuration file. */
  readonly config?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly logLevel?: string | undefined;
  /** Answer for machines: JSON, or NDJSON where there is more than one item. */
  readonly json?: boolean | undefined;
}

/** The process around a command. Only main.ts knows the real one. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Aborts at the first SIGINT or SIGTERM: a command then stops cleanly and returns. */
  readonly signal: AbortSignal;
}

/**
 * Commands answer with their exit code through `process.exitCode` only by way of errors: a `RegressionError` thrown by a
 * handler is printed by main.ts as one line (and its hint) and becomes the exit code of its table entry.
 */
export type CommandMaker<Flags> = (surroundings: Surroundings) => CommandModule<CommonFlags, CommonFlags & Flags>;
