/** How the last run of each task ended. */
import type { TaskCalls, TaskRun } from '../../state.ts';
import type { Sqlite } from '../sqlite.ts';

interface Row extends Omit<TaskRun, 'isOk' | 'details'> {
  readonly isOk: number | null;
  readonly details: string | null;
}

export function taskCalls(database: Sqlite): TaskCalls {
  const taskRuns = (): readonly TaskRun[] =>
    database
      .all<Row>(
        `SELECT name, scheduled_at AS scheduledAt, started_at AS startedAt, finished_at AS finishedAt, is_ok AS isOk,
           message, details, last_ok_at AS lastOkAt FROM task_runs ORDER BY name`,
      )
      .map(({ isOk, details, ...run }) => ({
        ...run,
        isOk: isOk === null ? null : isOk === 1,
        details: details === null ? {} : (JSON.parse(details) as TaskRun['details']),
      }));

  return {
    taskRuns,
    noteTaskSeen(name, now) {
      database.run(
        `INSERT INTO task_runs (name, scheduled_at) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET scheduled_at = coalesce(scheduled_at, excluded.scheduled_at)`,
        [name, now],
      );
    },
    recordTaskRun({ name, scheduledAt, startedAt, finishedAt, isOk, message, details }) {
      database.run(
        `INSERT INTO task_runs (name, scheduled_at, started_at, finished_at, is_ok, message, details, last_ok_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, iif(?5, ?4, NULL))
         ON CONFLICT (name) DO UPDATE SET
           scheduled_at = coalesce(excluded.scheduled_at, scheduled_at), started_at = excluded.started_at,
           finished_at = excluded.finished_at, is_ok = excluded.is_ok, message = excluded.message,
           details = excluded.details, last_ok_at = coalesce(excluded.last_ok_at, last_ok_at)`,
        [name, scheduledAt, startedAt, finishedAt, isOk === true ? 1 : 0, message, JSON.stringify(details)],
      );
      const recorded = taskRuns().find((run) => run.name === name);
      if (recorded === undefined) throw new Error(`the run of ${name} was not recorded`);
      return recorded;
    },
  };
}
