/**
 * Stands between the code under test (the engine included, which works through node:fs) and the file system.
 *
 * From the n-th changing call on every one fails: what is on disk then is what a kill at that moment leaves behind, without
 * the cost of a process. Or a single call fails, as a disk does.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const changingCalls = [
  'openSync',
  'writeSync',
  'fsyncSync',
  'ftruncateSync',
  'renameSync',
  'unlinkSync',
  'rmSync',
  'rmdirSync',
  'mkdirSync',
  'symlinkSync',
  'writeFileSync',
  'copyFileSync',
  'linkSync',
] as const;

export type ChangingCall = (typeof changingCalls)[number];

type Call = (...args: unknown[]) => unknown;

/** Told of each changing call before it happens; throws to make it fail. */
export type Interception = (call: ChangingCall, args: readonly unknown[]) => void;

/** Runs `work` with every changing call of node:fs going through `intercept` first. */
export async function intercepted<Result>(
  intercept: Interception,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  const calls = fs as unknown as Record<ChangingCall, Call>;
  const originals = changingCalls.map((name) => [name, calls[name]] as const);
  for (const [name, original] of originals) {
    calls[name] = (...args) => {
      const isStandardStream = typeof args[0] === 'number' && args[0] <= 2; // the test's own report
      if (!isStandardStream) intercept(name, args);
      return original.apply(fs, args);
    };
  }
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    for (const [name, original] of originals) calls[name] = original;
    syncBuiltinESMExports();
  }
}

/**
 * Runs `work` as if the process were killed before its n-th changing call, counted from 0.
 * @returns true when it was killed, false when it made fewer calls.
 */
export async function killedBeforeCall(n: number, work: () => unknown): Promise<boolean> {
  let calls = 0;
  await intercepted(
    () => {
      if (calls++ >= n) throw systemError('EIO');
    },
    async () => {
      try {
        await work();
      } catch {
        // the dead do not tell
      }
    },
  );
  return calls > n;
}

export function systemError(code: 'EIO' | 'ENOSPC' | 'EROFS'): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected`), { code, errno: { EIO: -5, ENOSPC: -28, EROFS: -30 }[code] });
}
