/**
 * What the daemon remembers beside rows, as calls of the writer thread: accounts, consumers, cached results, sinks, runs of tasks.
 * Each call is a transaction of its own, durable when it answers.
 */
import type { ConsumerCalls } from './consumer-state.ts';
import type { Damage } from './damage.ts';
import type { RemovalReason, Segment } from './segments.ts';
import type { SinkCalls } from './sink-state.ts';

export interface StateCalls
  extends AccountCalls, ConsumerCalls, ResultCalls, SinkCalls, TaskCalls, RemovalCalls, DamageCalls, GenerationCalls {}

export const roles = ['admin', 'viewer', 'datasource'] as const;
export type Role = (typeof roles)[number];

export interface User {
  readonly id: number;
  readonly username: string;
  readonly role: Role;
  readonly createdAt: string;
}

export interface Token {
  readonly id: number;
  readonly username: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: string;
  /** ISO 8601; null for ever. */
  readonly expiresAt: string | null;
}

export interface RegisteredApplication {
  readonly id: number;
  readonly name: string;
  readonly version: string | null;
  readonly environment: string | null;
  /** Name of the user who may send for it. */
  readonly owner: string | null;
  readonly createdAt: string;
}

export interface AccountCalls {
  users(): readonly User[];
  /** @throws RegressionError `CONFLICT` for a name that is taken. */
  addUser(user: { readonly username: string; readonly password: string; readonly role: Role }): User;
  /** @throws RegressionError `NOT_FOUND`. */
  changeUser(username: string, change: { readonly password?: string; readonly role?: Role }): User;
  /** With its tokens; its applications lose their owner. @throws RegressionError `NOT_FOUND`. */
  removeUser(username: string): User;
  /** The password's hash; null for a user that is not there. */
  credentials(username: string): { readonly user: User; readonly password: string } | null;
  tokens(): readonly Token[];
  /** @param token `digest` is the hex SHA-256 of the token. @throws RegressionError `NOT_FOUND` for the user. */
  addToken(token: {
    readonly username: string;
    readonly name: string;
    readonly digest: string;
    readonly scopes: readonly string[];
    readonly expiresAt: string | null;
  }): Token;
  /** @throws RegressionError `NOT_FOUND`. */
  removeToken(id: number): Token;
  findToken(digest: string): { readonly token: Token; readonly user: User } | null;
  applications(): readonly RegisteredApplication[];
  /** Makes the application or gives it its owner. @throws RegressionError `NOT_FOUND` for the owner. */
  registerApplication(application: {
    readonly name: string;
    readonly version: string | null;
    readonly environment: string | null;
    readonly owner: string | null;
  }): RegisteredApplication;
  /** Names of the applications that the user owns in any release. */
  ownedApplications(username: string): readonly string[];
}

export interface CachedResult {
  readonly key: string;
  readonly owner: string;
  readonly etag: string;
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly createdAt: string;
  readonly expiresAt: string;
}

export interface ResultCalls {
  result(key: string, now: string): CachedResult | null;
  /**
   * @param condition `ifMatch`: only over the result of this etag; `ifNoneMatch`: only where there is none.
   * @throws RegressionError `CONFLICT` when the condition does not hold.
   */
  putResult(
    result: CachedResult,
    condition: { readonly ifMatch?: string; readonly ifNoneMatch?: boolean },
    maxTotalBytes: number,
  ): void;
  removeResult(key: string): boolean;
}

/** How the last run of a task ended; times are ISO 8601. */
export interface TaskRun {
  readonly name: string;
  /** When the run was due, or the task was first seen by a scheduler. */
  readonly scheduledAt: string | null;
  /** Null, like what follows, before the first run. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly isOk: boolean | null;
  readonly message: string | null;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
  readonly lastOkAt: string | null;
}

export interface TaskCalls {
  taskRuns(): readonly TaskRun[];
  /** A scheduler knows the task from now on. */
  noteTaskSeen(name: string, now: string): void;
  /** @returns the run as stored, with the time of the last good one. */
  recordTaskRun(run: Omit<TaskRun, 'lastOkAt'>): TaskRun;
}

export interface RemovedSegment {
  readonly firstId: number;
  readonly lastId: number;
  readonly rows: number;
  readonly minTimestamp: string;
  readonly maxTimestamp: string;
  readonly reason: RemovalReason;
  readonly removedAt: string;
  /** When it was brought back; null while it is not in the store. */
  readonly restoredAt: string | null;
}

export interface RemovalCalls {
  /** Every segment that a task ever took out of the store. */
  removedSegments(): readonly RemovedSegment[];
  /**
   * They come back: from here on they count as live, and the next start gives their waiting files (`restoredSuffix`) their names. A
   * segment that ends before the removed one brings back its part, and the rest stays removed.
   */
  noteRestored(segments: readonly Pick<Segment, 'firstId' | 'lastId'>[], now: string): void;
}

export interface DamageCalls {
  /** Database files that could not be used and were set aside at a start, oldest first. */
  damages(): readonly Damage[];
}

/** What was counted of some generations of files, together. */
export interface GenerationSums {
  readonly generations: number;
  readonly lines: number;
  readonly rows: number;
}

export interface GenerationCalls {
  /** Their positions go, what was counted of them is kept in one sum. Those that have not ended stay. */
  forgetGenerations(generations: readonly string[]): void;
  forgottenGenerations(): GenerationSums;
}

/** The same calls from another thread. */
export type Remote<Calls> = {
  readonly [M in keyof Calls]: Calls[M] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Result>
    : never;
};

const stateMethods = {
  users: true,
  addUser: true,
  changeUser: true,
  removeUser: true,
  credentials: true,
  tokens: true,
  addToken: true,
  removeToken: true,
  findToken: true,
  applications: true,
  registerApplication: true,
  ownedApplications: true,
  consumers: true,
  consumer: true,
  createConsumer: true,
  removeConsumer: true,
  renewBatch: true,
  leaseBatch: true,
  cutBatch: true,
  skipTo: true,
  ackBatch: true,
  nakBatch: true,
  seekConsumer: true,
  parkedBatches: true,
  result: true,
  putResult: true,
  removeResult: true,
  origin: true,
  openSink: true,
  sinks: true,
  beginBatch: true,
  finishBatch: true,
  deadLetters: true,
  retryDeadLetters: true,
  dropDeadLetters: true,
  dueDeadLetters: true,
  settleDeadLetters: true,
  taskRuns: true,
  noteTaskSeen: true,
  recordTaskRun: true,
  removedSegments: true,
  noteRestored: true,
  damages: true,
  forgetGenerations: true,
  forgottenGenerations: true,
} as const satisfies Record<keyof StateCalls, true>;

/** Every call as a function that goes through `call`. */
export function remoteState(
  call: (method: keyof StateCalls, args: readonly unknown[]) => Promise<unknown>,
): Remote<StateCalls> {
  const methods = Object.keys(stateMethods) as (keyof StateCalls)[];
  const calls = methods.map((method) => [method, (...args: readonly unknown[]) => call(method, args)] as const);
  return Object.fromEntries(calls) as unknown as Remote<StateCalls>;
}
