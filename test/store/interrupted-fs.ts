/**
 * Stands between the code under test (the engine included, which works through node:fs) and the file system.
 *
 * From the n-th changing call on every one fails: what is on disk then is what a kill at that moment leaves behind, without
 * the cost of a process. Or a single call fails, as a disk does.
 */
import fs, { mkdirSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import type { Test } from 'tap';
import { memoryDir } from '../temp-dir.ts';

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

/** The same of node:fs/promises, told under the names of the synchronous ones. */
const changingPromises = {
  open: 'openSync',
  rename: 'renameSync',
  unlink: 'unlinkSync',
  rm: 'rmSync',
  rmdir: 'rmdirSync',
  mkdir: 'mkdirSync',
  writeFile: 'writeFileSync',
  copyFile: 'copyFileSync',
  link: 'linkSync',
} as const satisfies Record<string, ChangingCall>;

/** Of the handles that `open` gives. */
const changingHandleCalls = { writeFile: 'writeSync', sync: 'fsyncSync' } as const satisfies Record<
  string,
  ChangingCall
>;

/** What streams write by; their last argument is told the outcome. */
const changingCallbacks = { open: 'openSync', write: 'writeSync', writev: 'writeSync' } as const satisfies Record<
  string,
  ChangingCall
>;

type Call = (...args: unknown[]) => unknown;
type Calls = Record<string, Call>;

/** Told of each changing call before it happens; throws to make it fail. */
export type Interception = (call: ChangingCall, args: readonly unknown[]) => void;

/** Runs `work` with every changing call of node:fs and node:fs/promises going through `intercept` first. */
export async function intercepted<Result>(
  intercept: Interception,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  const calls = fs as unknown as Calls;
  const promises = fs.promises as unknown as Calls;
  const originals = [
    ...changingCalls.map((name) => [calls, name, calls[name]] as const),
    ...Object.keys(changingCallbacks).map((name) => [calls, name, calls[name]] as const),
    ...Object.keys(changingPromises).map((name) => [promises, name, promises[name]] as const),
  ];
  for (const name of changingCalls) calls[name] = synchronous(name, calls[name] as Call, intercept);
  for (const [name, as] of Object.entries(changingCallbacks))
    calls[name] = callback(as, calls[name] as Call, intercept);
  for (const [name, as] of Object.entries(changingPromises))
    promises[name] = promised(as, promises[name] as Call, intercept);
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    for (const [owner, name, original] of originals) owner[name] = original as Call;
    syncBuiltinESMExports();
  }
}

function synchronous(name: ChangingCall, original: Call, intercept: Interception): Call {
  return (...args) => {
    if (!isStandardStream(args)) intercept(name, args);
    return original.apply(fs, args);
  };
}

function callback(name: ChangingCall, original: Call, intercept: Interception): Call {
  return (...args) => {
    try {
      const isReading = name === 'openSync' && args[1] === 'r';
      if (!isStandardStream(args) && !isReading) intercept(name, args);
    } catch (error) {
      process.nextTick(args.at(-1) as Call, error);
      return undefined;
    }
    return original.apply(fs, args);
  };
}

function promised(name: ChangingCall, original: Call, intercept: Interception): Call {
  return async (...args) => {
    intercept(name, args);
    const answer = await original.apply(fs.promises, args);
    if (name !== 'openSync') return answer;
    const handle = answer as Calls;
    for (const [method, as] of Object.entries(changingHandleCalls)) {
      const write = (handle[method] as Call).bind(handle);
      handle[method] = async (...written) => {
        intercept(as, written);
        return write(...written);
      };
    }
    return handle;
  };
}

/** The test's own report. */
function isStandardStream([descriptor]: readonly unknown[]): boolean {
  return typeof descriptor === 'number' && descriptor <= 2;
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

/** Runs `work` as if the process were killed at the moment that is tried. */
export type Killing = (work: () => unknown) => Promise<void>;

/**
 * Plays a short life again and again, each time in a directory of its own: killed before its first file operation, its second, and so
 * on until it is not killed any more.
 * @param play the whole life, its killed part handed to `killing`; answers what is wrong with what it left behind.
 */
export async function atEveryMoment(
  t: Test,
  minMoments: number,
  play: (directory: string, killing: Killing) => Promise<readonly (string | null)[]>,
): Promise<void> {
  const root = await memoryDir(t);
  let moment = 0;
  for (let isKilled = true; isKilled; moment++) {
    const directory = join(root, String(moment));
    mkdirSync(directory);
    const killing: Killing = async (work) => {
      isKilled = await killedBeforeCall(moment, work);
    };
    const problems = (await play(directory, killing)).filter((problem) => problem !== null);
    if (problems.length > 0) t.fail(`killed before operation ${moment}: ${problems.join('; ')}`);
    rmSync(directory, { recursive: true });
  }
  t.ok(moment > minMoments, `${moment} moments were tried`);
}

export function systemError(code: 'EIO' | 'ENOSPC' | 'EROFS'): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected`), { code, errno: { EIO: -5, ENOSPC: -28, EROFS: -30 }[code] });
}
