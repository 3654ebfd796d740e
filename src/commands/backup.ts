/** `regression backup`: the task by hand; by the running daemon, else of the data directory itself. */
import type { Command } from './command.ts';
import { runTask } from './run-task.ts';

export const backup: Command<object> = {
  usage: 'backup',
  summary: 'Back up the store while it is in use, into tasks.backup.dir',
  examples: [['regression backup', 'segments that have not changed since the last backup are not copied again']],
  run: (flags, surroundings) => runTask('backup', flags, surroundings),
};
