/** `regression rotate`: the task by hand; by the running daemon, else in the data directory itself. */
import type { Command } from './command.ts';
import { runTask } from './run-task.ts';

export const rotate: Command<object> = {
  usage: 'rotate',
  summary: 'Close the file being written and begin a new one',
  examples: [['regression rotate', 'what is stored so far becomes a segment, which never changes again']],
  run: (flags, surroundings) => runTask('rotate', flags, surroundings),
};
