/** A server that a test starts, kills as a crash would, and starts again; it and its directory are gone with the test. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { Test } from 'tap';

export interface ServerProcessOptions {
  readonly name: string;
  readonly directory: string;
  readonly spawn: () => ChildProcess;
  /** Rejects while the server does not answer yet. */
  readonly ask: () => Promise<unknown>;
  /** Ends it without letting it tidy up. */
  readonly signal: NodeJS.Signals;
}

export interface ServerProcess {
  readonly kill: () => Promise<void>;
  /** Resolves when it answers. */
  readonly start: () => Promise<void>;
}

/** Started. */
export async function serverProcess(
  teardown: Pick<Test, 'teardown'>,
  { name, directory, spawn, ask, signal }: ServerProcessOptions,
): Promise<ServerProcess> {
  let child: ChildProcess | null = null;
  const start = async (): Promise<void> => {
    child = spawn();
    for (;;) {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
      try {
        await ask();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50)); // it is starting
      }
    }
  };
  const kill = async (): Promise<void> => {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null) return;
    const ended = once(running, 'close');
    running.kill(signal);
    await ended;
  };
  teardown.teardown(async () => {
    await kill();
    await rm(directory, { recursive: true, force: true });
  });
  await start();
  return { kill, start };
}
