/** `regression archive`: the task by hand; by the running daemon, else on the data directory itself. */
import type { Command } from './command.ts';
import { runTask } from './run-task.ts';

export const archive: Command<object> = {
  usage: 'archive',
  summary: 'Move old segments into compressed files, as tasks.archive says',
  examples: [['regression archive', 'what is older than tasks.archive.after leaves the store and can be brought back']],
  run: (flags, surroundings) => runTask('archive', flags, surroundings),
};
