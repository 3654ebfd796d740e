import { pino } from 'pino';
import { test } from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { createMetrics } from '../../src/runtime/metrics.ts';
import { Scheduler } from '../../src/schedule/scheduler.ts';
import { TaskRunner } from '../../src/schedule/task-runner.ts';
import type { Store } from '../../src/store/store.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import type { TaskContext, TaskOutcome } from '../../src/tasks/task.ts';
import { ManualClock } from '../manual-clock.ts';
import type { Test } from 'tap';

const minute = 60_000;
const hour = 60 * minute;

/** All that promises and the store in the same thread have to do before the next step. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

interface Scheduled {
  readonly clock: ManualClock;
  readonly runner: TaskRunner;
  readonly metrics: ReturnType<typeof createMetrics>;
  /** When `rotate` ran. */
  readonly runs: string[];
  /** Moves the clock a minute at a time. */
  readonly advance: (ms: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** A scheduler with `rotate` on a schedule, which does what `work` says. */
async function scheduled(
  t: Test,
  options: { schedule: string; now: string; store?: Store; jitter?: string; random?: () => number },
  work: (context: TaskContext) => Promise<void> = async () => undefined,
): Promise<Scheduled> {
  const env = {
    REGRESSION_TASKS_ROTATE_SCHEDULE: options.schedule,
    ...(options.jitter === undefined ? {} : { REGRESSION_TASKS_ROTATE_JITTER: options.jitter }),
  };
  const config = (await loadConfig({ env, cwd: '/' })).config.tasks;
  const clock = new ManualClock(options.now);
  const store = options.store ?? new SqliteStore(':memory:');
  const metrics = createMetrics();
  const logger = pino({ level: 'silent' });
  const runs: string[] = [];
  const kind = {
    async run(context: TaskContext): Promise<TaskOutcome> {
      runs.push(new Date(clock.nowMs()).toISOString().slice(11, 16));
      await work(context);
      return { message: 'done', details: {} };
    },
  };
  const kinds = { rotate: kind, backup: kind, verify: kind, prune: kind, archive: kind };
  const runner = new TaskRunner({ config: () => config, store, dataDir: '/nowhere', clock, metrics, logger, kinds });
  const scheduler = new Scheduler({
    config,
    runner,
    store,
    clock,
    metrics,
    logger,
    random: options.random ?? (() => 0),
  });
  await scheduler.start();
  const stop = async (): Promise<void> => {
    await scheduler.stop();
    await runner.stop();
  };
  t.teardown(stop);
  return {
    clock,
    runner,
    metrics,
    runs,
    stop,
    async advance(ms) {
      await settled();
      for (let passed = 0; passed < ms; passed += minute) {
        clock.advance(minute);
        await settled();
      }
    },
  };
}

void test('a task runs when it is due, each time once', async (t) => {
  const { runs, advance } = await scheduled(t, { schedule: '*/20 * * * *', now: '2026-11-24T03:50:00Z' });

  await advance(hour);

  t.strictSame(runs, ['04:00', '04:20', '04:40']);
});

void test('a wall clock that steps back runs nothing twice, one that jumps ahead makes up once', async (t) => {
  const { runs, clock, advance } = await scheduled(t, { schedule: '0 * * * *', now: '2026-11-24T03:58:00Z' });
  await advance(3 * minute);
  t.strictSame(runs, ['04:00']);

  clock.setWallClock('2026-11-24T03:59:30Z');
  await advance(3 * minute);
  t.strictSame(runs, ['04:00'], 'the hour came again');

  clock.setWallClock('2026-11-24T09:30:00Z');
  await advance(2 * minute);
  t.equal(runs.length, 2, 'five hours were jumped over');
});

void test('a run that was missed while nobody ran is made up once, at the next start', async (t) => {
  const store = new SqliteStore(':memory:');
  const before = await scheduled(t, { schedule: '0 * * * *', now: '2026-11-24T03:30:00Z', store });
  await before.advance(31 * minute);
  t.strictSame(before.runs, ['04:00']);
  await before.stop();

  const after = await scheduled(t, { schedule: '0 * * * *', now: '2026-11-24T09:30:00Z', store });
  await after.advance(minute);
  t.strictSame(after.runs, ['09:30'], 'five were missed');
  await after.stop();

  const again = await scheduled(t, { schedule: '0 * * * *', now: '2026-11-24T09:40:00Z', store });
  await again.advance(minute);
  t.strictSame(again.runs, []);
});

void test('a task that is first seen has missed nothing', async (t) => {
  const { runs, advance } = await scheduled(t, { schedule: '0 3 * * *', now: '2026-11-24T12:00:00Z' });

  await advance(minute);

  t.strictSame(runs, []);
});

void test('a run that is due while the one before is under way is left out and counted (F46)', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { runs, advance, metrics } = await scheduled(
    t,
    { schedule: '* * * * *', now: '2026-11-24T03:00:30Z' },
    () => gate.promise,
  );

  await advance(3 * minute);
  t.equal(runs.length, 1);
  t.match(await metrics.registry.metrics(), 'regression_task_skipped_total{task="rotate"} 2');

  gate.resolve();
  await advance(minute);
  t.equal(runs.length, 2);
});

void test('a failed run is repeated until it succeeds, and told', async (t) => {
  let failures = 2;
  const { runs, runner, advance, metrics } = await scheduled(
    t,
    { schedule: '0 * * * *', now: '2026-11-24T03:59:00Z' },
    async () => {
      if (failures-- > 0) throw new Error('the disk said no');
    },
  );

  await advance(minute);
  t.match((await runner.status()).find(({ name }) => name === 'rotate')?.last, {
    isOk: false,
    message: 'the disk said no',
    lastOkAt: null,
  });
  await advance(30 * minute);

  t.strictSame(runs, ['04:00', '04:01', '04:06']);
  t.match((await runner.status()).find(({ name }) => name === 'rotate')?.last, { isOk: true, message: 'done' });
  const text = await metrics.registry.metrics();
  t.match(text, 'regression_task_runs_total{task="rotate",outcome="failed"} 2');
  t.match(text, 'regression_task_last_ok{task="rotate"} 1');
  t.match(text, /regression_task_next_run_timestamp_seconds\{task="rotate"\} \d+/);
});

void test('jitter puts a run off by its share', async (t) => {
  const { runs, advance } = await scheduled(t, {
    schedule: '0 * * * *',
    now: '2026-11-24T03:59:00Z',
    jitter: '10m',
    random: () => 0.5,
  });

  await advance(20 * minute);

  t.strictSame(runs, ['04:05']);
});

void test('a task never runs beside itself, and others wait for their turn', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { runner, advance } = await scheduled(t, { schedule: 'off', now: '2026-11-24T03:00:00Z' }, () => gate.promise);
  const backup = runner.run('backup');
  const verify = runner.run('verify');
  await advance(0);

  await t.rejects(runner.run('backup'), { code: 'CONFLICT' });
  const states = new Map((await runner.status()).map(({ name, state }) => [name, state]));
  t.equal(states.get('backup'), 'running');
  t.equal(states.get('verify'), 'waiting');
  gate.resolve();
  await Promise.all([backup, verify]);
});
