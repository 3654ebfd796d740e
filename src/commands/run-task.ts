/** Runs a task of tasks/registry.ts for a command, in the running daemon or over the data directory itself. */
import type { RegressionClient } from '../client/client.ts';
import { systemClock } from '../runtime/clock.ts';
import type { TaskName } from '../tasks/registry.ts';
import type { TaskOutcome } from '../tasks/task.ts';
import type { CommonFlags, Surroundings } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { ProgressBar } from './progress-bar.ts';

const pollMs = 250;

/** @throws RegressionError `DATA_DIR_LOCKED` while another command holds the directory; what the task throws. */
export async function runTask(name: TaskName, flags: CommonFlags, surroundings: Surroundings): Promise<void> {
  const endpoint = await openEndpoint({ command: name }, flags, surroundings);
  const bar = new ProgressBar(surroundings.stderr);
  const ended = new AbortController();
  try {
    const drawing = surroundings.stderr.isTTY === true ? drawProgress(name, endpoint.client, bar, ended.signal) : null;
    let outcome: TaskOutcome;
    try {
      outcome = await endpoint.client.runTask(name, surroundings.signal);
    } finally {
      ended.abort();
      await drawing;
      bar.clear();
    }
    surroundings.stdout.write(`${flags.json ? JSON.stringify(outcome.details) : outcome.message}\n`);
  } finally {
    await endpoint.close();
  }
}

async function drawProgress(
  name: TaskName,
  client: RegressionClient,
  bar: ProgressBar,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await systemClock.delay(pollMs, signal);
    if (signal.aborted) return;
    const tasks = await client.tasks(signal).catch(() => []); // the task itself is asked for elsewhere
    const task = tasks.find((other) => other.name === name);
    if (task?.progress != null) bar.draw(task.progress, `${name}: ${task.doing ?? ''}`);
  }
}
