/** Runs a task of tasks/registry.ts for a command, in the running daemon or over the data directory itself. */
import type { TaskName } from '../tasks/registry.ts';
import type { CommonFlags, Surroundings } from './command.ts';
import { openEndpoint } from './endpoint.ts';

/** @throws RegressionError `DATA_DIR_LOCKED` while another command holds the directory; what the task throws. */
export async function runTask(name: TaskName, flags: CommonFlags, surroundings: Surroundings): Promise<void> {
  const endpoint = await openEndpoint({ command: name }, flags, surroundings);
  try {
    const { message, details } = await endpoint.client.runTask(name, surroundings.signal);
    surroundings.stdout.write(`${flags.json ? JSON.stringify(details) : message}\n`);
  } finally {
    await endpoint.close();
  }
}
