/**
 * What a command is: its words and flags as data, and a function that does it. registry.ts lists them, cli.ts makes the command line
 * of them. A command loads its heavy parts when it runs, so that `--help` stays quick.
 */
import type { Readable, Writable } from 'node:stream';
import type { Options, PositionalOptions } from 'yargs';

export interface Command<Flags> {
  /** yargs syntax: `parse [files..]`. */
  readonly usage: string;
  readonly summary: string;
  readonly positionals?: Readonly<Record<string, PositionalOptions>>;
  readonly flags?: Readonly<Record<string, Options>>;
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  /** @throws RegressionError, which becomes one line, its hint and the exit code of its code. */
  run(flags: CommonFlags & Flags, surroundings: Surroundings): Promise<void>;
}

/** Flags that every command takes. */
export interface CommonFlags {
  readonly config?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly json?: boolean | undefined;
}

export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

/** The process around a command. Only main.ts knows the real one. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborts at the first SIGINT or SIGTERM: a command then stops cleanly and returns. */
  readonly signal: AbortSignal;
  /** The file that standard output goes to, where it does. */
  readonly outputPath?: string | undefined;
  /** Standard error is systemd's journal. */
  readonly isJournal?: boolean;
  /** From here on SIGHUP calls `listener`, instead of ending the process. */
  onHangup(listener: () => void): void;
  /** The command is about to return, and leaves nothing to be done: what is still open a moment later is told, and ends with the process. */
  endSoon?(onLeftOpen: (resources: readonly string[]) => void): void;
}
