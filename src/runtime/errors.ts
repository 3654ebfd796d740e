/**
 * The one error class of the project and its table of codes.
 *
 * Callers branch on `code` and `retryable`, people read `message` and `hint`, logs keep the whole `cause` chain.
 * Codes are stable: scripts and the API's problem documents carry them.
 */
export const errorCodes = {
  /** The command line is wrong: unknown command, flag or argument. */
  USAGE: { exitCode: 2 },
  /** The configuration is wrong: unknown key, bad value, unreadable file. */
  CONFIG_INVALID: { exitCode: 2 },
  /** Another process holds the data directory. */
  DATA_DIR_LOCKED: { exitCode: 1 },
  /** The data directory cannot be made, read or written. */
  DATA_DIR_UNUSABLE: { exitCode: 1 },
  /** The engine refused a setting that durability rests on (WAL, exclusive locking). */
  STORE_UNSAFE: { exitCode: 1 },
  /** The database file is damaged or is not ours. */
  STORE_CORRUPT: { exitCode: 1 },
  /** The database file was written by a newer release. */
  STORE_TOO_NEW: { exitCode: 1 },
  /** The disk is full, or below what the store keeps free. */
  STORE_FULL: { exitCode: 1 },
  /** What should be a backup or an archive is none, or is damaged. */
  BACKUP_INVALID: { exitCode: 1 },
  /** The system refused a task something: a directory, a right, room on its disk. */
  TASK_FAILED: { exitCode: 1 },
  /** An object store did not take a file. */
  UPLOAD_FAILED: { exitCode: 1 },
  /** A write failed and was rolled back. */
  STORE_WRITE_FAILED: { exitCode: 1 },
  STORE_CLOSED: { exitCode: 1 },
  /** Another program changed the database file under a query, again and again. */
  SNAPSHOT_LOST: { exitCode: 1 },
  /** A query ran past its deadline and was ended. */
  QUERY_TIMEOUT: { exitCode: 1 },
  /** A query asks for something that does not exist or cannot be read: bad time, bad severity, bad cursor. */
  QUERY_INVALID: { exitCode: 2 },
  /** An input cannot start: port in use, permission denied. */
  INPUT_UNAVAILABLE: { exitCode: 1 },
  /** A file given by the user cannot be read. */
  FILE_UNREADABLE: { exitCode: 1 },
  /** The query server cannot listen. */
  SERVER_UNAVAILABLE: { exitCode: 1 },
  /** The daemon answered with an error, or did not answer. */
  DAEMON_UNREACHABLE: { exitCode: 1 },
  /** Rows did not arrive where they were exported to, or others than were sent. */
  EXPORT_FAILED: { exitCode: 1 },
  UNAUTHORIZED: { exitCode: 1 },
  /** Who asks may not do this. */
  FORBIDDEN: { exitCode: 1 },
  /** What was asked for by name or id is not there. */
  NOT_FOUND: { exitCode: 1 },
  /** What was to be made is there already, or has changed meanwhile. */
  CONFLICT: { exitCode: 1 },
  /** Too many requests at once, or in a while. */
  OVERLOADED: { exitCode: 1 },
  /** `regression doctor`: something of the host keeps the daemon from its work. */
  CHECK_FAILED: { exitCode: 1 },
  /** `regression test`: a case came out otherwise than expected. */
  TEST_FAILED: { exitCode: 1 },
  /** `compare --fail-on`: there is a change of a kind to fail on. */
  GATE_FAILED: { exitCode: 1 },
} as const satisfies Record<string, { exitCode: 1 | 2 }>;

export type ErrorCode = keyof typeof errorCodes;

export class RegressionError extends Error {
  readonly code: ErrorCode;
  /** One sentence for the operator: what to look at or do next. */
  readonly hint: string | undefined;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: { hint?: string; retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RegressionError';
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? false;
  }

  get exitCode(): 1 | 2 {
    return errorCodes[this.code].exitCode;
  }
}

/** The message of anything that was thrown, for a line of log. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the operator can do about anything that was thrown, if it says so. */
export function hintOf(error: unknown): string | undefined {
  return error instanceof RegressionError ? error.hint : undefined;
}

/** The system error code (`ENOENT`, `EADDRINUSE`) of anything that was thrown, if it has one. */
export function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
