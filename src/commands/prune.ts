/** `regression prune`: the task by hand; by the running daemon, else on the data directory itself. */
import type { Command } from './command.ts';
import { runTask } from './run-task.ts';

export const prune: Command<object> = {
  usage: 'prune',
  summary: 'Remove what is older or larger than tasks.prune allows',
  examples: [['regression prune', 'whole segments; what was lost, and why, is in `regression status` and the metrics']],
  run: (flags, surroundings) => runTask('prune', flags, surroundings),
};
