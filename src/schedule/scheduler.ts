/**
 * Starts tasks when their cron expressions are due.
 *
 * It looks at the wall clock every minute, so a clock that jumps, or a host that slept, makes nothing run twice and nothing be
 * forgotten: what was due since the last look runs once, however often it was due, also when nobody ran in between. A failed run is
 * repeated, at growing distances, until it succeeds or the next one is due.
 */
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Service } from '../runtime/service.ts';
import type { Store } from '../store/store.ts';
import { type TaskName, type TasksConfig, tasks } from '../tasks/registry.ts';
import type { TaskKind } from '../tasks/task.ts';
import { CronSchedule } from './cron-schedule.ts';
import type { TaskRunner } from './task-runner.ts';

export interface SchedulerOptions {
  readonly config: TasksConfig;
  readonly runner: Pick<TaskRunner, 'run' | 'isBusy'>;
  readonly store: Pick<Store, 'state'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** 0 to 1. */
  readonly random?: () => number;
}

const minuteMs = 60_000;
/** What was due longer ago than this is not made up for. */
const maxMissedMs = 8 * 86_400_000;
/** A clock that is put back by more was wrong before: then its old time counts for nothing. */
const maxSetBackMs = 3_600_000;
const retryDelaysMs = [minuteMs, 5 * minuteMs, 15 * minuteMs, 60 * minuteMs];

interface Scheduled {
  readonly name: TaskName;
  readonly cron: CronSchedule;
  readonly jitterMs: number;
  /** Everything due until then has been started. */
  checkedMs: number;
  /** Ends the repetitions of a failed run: the next one is due. */
  superseded: AbortController;
}

export class Scheduler implements Service {
  readonly name = 'scheduler';
  readonly #options: SchedulerOptions;
  readonly #stopped = new AbortController();
  #scheduled: Scheduled[] = [];
  #looking: Promise<void> = Promise.resolve();

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { config, store, clock } = this.#options;
    const runs = new Map((await store.state.taskRuns()).map((run) => [run.name, run]));
    for (const [name, options] of Object.entries(config) as [TaskName, TasksConfig[TaskName]][]) {
      const { isWanted = () => true } = tasks[name] as unknown as Pick<TaskKind<never>, 'isWanted'>;
      if (options.schedule === 'off' || !isWanted(options as never, config.backup.dir ?? null)) continue;
      const scheduledAt = runs.get(name)?.scheduledAt ?? null;
      // First seen now: what would have been due before is nobody's miss.
      if (scheduledAt === null) await store.state.noteTaskSeen(name, new Date(clock.nowMs()).toISOString());
      this.#scheduled.push({
        name,
        cron: new CronSchedule(options.schedule, options.timezone),
        jitterMs: options.jitter,
        checkedMs: scheduledAt === null ? clock.nowMs() : Date.parse(scheduledAt),
        superseded: new AbortController(),
      });
    }
    if (this.#scheduled.length > 0) this.#looking = this.#look();
  }

  /** Does not wait for tasks: the runner does. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#looking;
    for (const { name } of this.#scheduled) this.#options.metrics.taskNextRun.remove({ task: name });
  }

  /** When the task is due next; null when it is not on a schedule, or not within 40 days. */
  nextRun(name: TaskName): Date | null {
    const scheduled = this.#scheduled.find((other) => other.name === name);
    const nextMs = scheduled?.cron.nextAfter(this.#options.clock.nowMs()) ?? null;
    return nextMs === null ? null : new Date(nextMs);
  }

  async #look(): Promise<void> {
    const { clock, metrics } = this.#options;
    while (!this.#stopped.signal.aborted) {
      for (const scheduled of this.#scheduled) {
        this.#startIfDue(scheduled);
        const next = this.nextRun(scheduled.name);
        if (next !== null) metrics.taskNextRun.set({ task: scheduled.name }, next.getTime() / 1000);
      }
      await clock.delay(minuteMs - (clock.nowMs() % minuteMs), this.#stopped.signal);
    }
  }

  #startIfDue(scheduled: Scheduled): void {
    const { clock, metrics, logger, runner } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs < scheduled.checkedMs - maxSetBackMs) scheduled.checkedMs = nowMs;
    const dueMs = scheduled.cron.lastBetween(Math.max(scheduled.checkedMs, nowMs - maxMissedMs), nowMs);
    scheduled.checkedMs = Math.max(scheduled.checkedMs, nowMs);
    if (dueMs === null) return;
    if (runner.isBusy(scheduled.name)) {
      metrics.taskSkipped.inc({ task: scheduled.name });
      logger.warn({ task: scheduled.name }, 'a run was left out: the one before is still under way');
      return;
    }
    scheduled.superseded.abort();
    scheduled.superseded = new AbortController();
    void this.#runUntilDone(scheduled, dueMs, AbortSignal.any([scheduled.superseded.signal, this.#stopped.signal]));
  }

  async #runUntilDone({ name, jitterMs }: Scheduled, dueMs: number, signal: AbortSignal): Promise<void> {
    const { clock, runner, random = Math.random } = this.#options;
    if (jitterMs > 0) await clock.delay(Math.floor(random() * jitterMs), signal);
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await runner.run(name, { scheduledAtMs: dueMs });
        return;
      } catch {
        // The runner has said so, and counted it.
        await clock.delay(retryDelaysMs[Math.min(attempt, retryDelaysMs.length - 1)] ?? minuteMs, signal);
      }
    }
  }
}
