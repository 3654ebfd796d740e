/**
 * Runs tasks, whoever asks: the scheduler, a command, the endpoint. One task at a time (but `isConcurrent` ones), a task never beside
 * itself; how it goes and how it ended is kept for `status` and the metrics, and in the store over restarts.
 */
import { resolve } from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import { diskSpace } from '../runtime/disk-space.ts';
import { RegressionError, messageOf, systemCodeOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { FileJobs } from '../store/file-jobs.ts';
import type { TaskRun } from '../store/state.ts';
import type { Store } from '../store/store.ts';
import { type TaskName, type TasksConfig, tasks } from '../tasks/registry.ts';
import type { TaskContext, TaskKind, TaskOutcome } from '../tasks/task.ts';

export interface TaskRunnerOptions {
  /** The tasks' own options are read when a task begins. */
  readonly config: () => TasksConfig;
  readonly store: Store;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Stand-ins for tests. */
  readonly kinds?: Readonly<Record<TaskName, Pick<TaskKind<never>, 'run' | 'isConcurrent'>>>;
}

export interface TaskStatus {
  readonly name: TaskName;
  readonly state: 'idle' | 'waiting' | 'running';
  /** Of the run under way: 0 to 1, and what is being done. */
  readonly progress: number | null;
  readonly doing: string | null;
  /** Null before the first run. */
  readonly last: TaskRun | null;
}

interface Running {
  state: 'waiting' | 'running';
  progress: number;
  doing: string;
}

export class TaskRunner {
  readonly #options: TaskRunnerOptions;
  readonly #stopped = new AbortController();
  readonly #running = new Map<TaskName, Running>();
  readonly #finished = new Set<Promise<unknown>>();
  /** The exclusive task that was asked for last has ended. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
  }

  /** Puts what earlier processes did into the metrics. */
  async start(): Promise<void> {
    for (const run of await this.#options.store.state.taskRuns()) this.#measure(run);
  }

  /** Asks the running tasks to give up, and waits for them. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.allSettled(this.#finished);
  }

  isBusy(name: TaskName): boolean {
    return this.#running.has(name);
  }

  /**
   * Resolves when the task is done.
   * @param scheduledAtMs when the schedule says; absent for a run that somebody asks for.
   * @throws RegressionError `CONFLICT` when it is running already; what the task throws.
   */
  async run(
    name: TaskName,
    { waits = false, scheduledAtMs }: { waits?: boolean; scheduledAtMs?: number } = {},
  ): Promise<TaskOutcome> {
    if (this.#running.has(name)) {
      throw new RegressionError('CONFLICT', `${name} is running already`, {
        hint: 'regression status says how far it is.',
      });
    }
    const isConcurrent = (this.#options.kinds ?? tasks)[name].isConcurrent ?? false;
    const running: Running = { state: 'waiting', progress: 0, doing: 'waiting for another task' };
    this.#running.set(name, running);
    const before = isConcurrent ? Promise.resolve() : this.#turn;
    const ended = before
      .catch(() => undefined) // how the one before ended was told to who asked for it
      .then(() => this.#runNow(name, running, waits, scheduledAtMs))
      .finally(() => this.#running.delete(name));
    if (!isConcurrent) this.#turn = ended;
    this.#finished.add(ended);
    void ended.catch(() => undefined).then(() => this.#finished.delete(ended));
    return ended;
  }

  async status(): Promise<readonly TaskStatus[]> {
    const runs = new Map((await this.#options.store.state.taskRuns()).map((run) => [run.name, run]));
    return (Object.keys(tasks) as TaskName[]).map((name) => {
      const running = this.#running.get(name);
      const run = runs.get(name);
      return {
        name,
        state: running?.state ?? 'idle',
        progress: running?.progress ?? null,
        doing: running?.doing ?? null,
        last: run === undefined || run.finishedAt === null ? null : run,
      };
    });
  }

  async #runNow(
    name: TaskName,
    running: Running,
    waits: boolean,
    scheduledAtMs: number | undefined,
  ): Promise<TaskOutcome> {
    const { store, dataDir, clock, metrics, logger } = this.#options;
    const config = this.#options.config();
    this.#stopped.signal.throwIfAborted();
    const startedAt = new Date(clock.nowMs()).toISOString();
    const scheduledAt = scheduledAtMs === undefined ? null : new Date(scheduledAtMs).toISOString();
    running.state = 'running';
    running.doing = 'starting';
    metrics.taskRunning.set({ task: name }, 1);
    await using jobs = new FileJobs(this.#stopped.signal);
    const context: TaskContext = {
      store,
      dataDir,
      backupDir: config.backup.dir === undefined ? null : resolve(config.backup.dir),
      clock,
      jobs,
      freeBytes: async (directory) => (await diskSpace(directory)).freeBytes,
      waits,
      signal: this.#stopped.signal,
      rowsRemoved: (reason, rows) => metrics.rowsRemoved.inc({ reason }, rows),
      progress: (share, doing) => {
        running.progress = share;
        running.doing = doing;
        metrics.taskProgress.set({ task: name }, share);
      },
    };
    try {
      // Which schema checked the options is known by `name`, not by the compiler.
      const kind = (this.#options.kinds ?? tasks)[name] as unknown as TaskKind<never>;
      const outcome = await kind.run(context, config[name] as never);
      await this.#record({ name, scheduledAt, startedAt, isOk: true, ...outcome });
      logger.info({ task: name, ...outcome.details }, outcome.message);
      return outcome;
    } catch (error) {
      if (!this.#stopped.signal.aborted) {
        logger.error({ err: error, task: name }, `the task ${name} failed`);
        // Not marked as the scheduled run: the next start makes up for it.
        await this.#record({ name, scheduledAt: null, startedAt, isOk: false, message: messageOf(error), details: {} });
      }
      throw asTold(error);
    } finally {
      metrics.taskRunning.set({ task: name }, 0);
      metrics.taskProgress.set({ task: name }, 0);
    }
  }

  async #record(run: Omit<TaskRun, 'finishedAt' | 'lastOkAt'>): Promise<void> {
    const { store, clock, metrics, logger } = this.#options;
    metrics.taskRuns.inc({ task: run.name, outcome: run.isOk === true ? 'ok' : 'failed' });
    try {
      this.#measure(await store.state.recordTaskRun({ ...run, finishedAt: new Date(clock.nowMs()).toISOString() }));
    } catch (error) {
      logger.error({ err: error, task: run.name }, 'how the task ended could not be stored'); // what it did stands all the same
    }
  }

  #measure({ name, startedAt, finishedAt, isOk, lastOkAt }: TaskRun): void {
    const { metrics } = this.#options;
    const seconds = (time: string): number => Date.parse(time) / 1000;
    if (finishedAt !== null && startedAt !== null) {
      metrics.taskLastSeconds.set({ task: name }, seconds(finishedAt) - seconds(startedAt));
      metrics.taskLastOutcome.set({ task: name }, isOk === true ? 1 : 0);
    }
    if (lastOkAt !== null) metrics.taskLastSuccess.set({ task: name }, seconds(lastOkAt));
  }
}

/** What the system says (`ENOSPC`, `EACCES`, the path) is for whoever asked for the run, too. */
function asTold(error: unknown): unknown {
  if (error instanceof RegressionError || systemCodeOf(error) === undefined) return error;
  return new RegressionError('TASK_FAILED', messageOf(error), {
    cause: error,
    retryable: true,
    hint: 'Look at that directory and its disk. What the task had begun is tidied up by its next run.',
  });
}
