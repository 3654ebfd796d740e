/**
 * The ways in which the soak's log files rotate. `.1` becomes `.2` and so on, as logrotate names them; the oldest goes once it has
 * surely been read.
 */
import { copyFile, readFile, rename, stat, truncate, unlink, utimes, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import type { Random } from '../random.ts';
import type { Program } from './program.ts';

/** A daemon that is down, or starved, for longer than these last has lost what went behind them: that is then a stated gap. */
const keptRotations = 20;

export async function renamed(program: Program): Promise<void> {
  await shift(program);
  await rename(program.path, `${program.path}.1`).catch(ignoreMissing);
  program.life.keptBytes = program.life.bytes;
  program.begin();
}

/** The one before the newest is packed, as `delaycompress` has it. */
export async function renamedAndPacked(program: Program): Promise<void> {
  await renamed(program);
  const original = `${program.path}.2`;
  const bytes = await readFile(original).catch(ignoreMissing);
  if (bytes === undefined) return;
  const { atime, mtime } = await stat(original);
  await writeFile(`${original}.gz.tmp`, gzipSync(bytes));
  await utimes(`${original}.gz.tmp`, atime, mtime);
  await rename(`${original}.gz.tmp`, `${original}.gz`);
  await unlink(original);
}

/** What is written between the copy and the truncation, if anything, is in no file afterwards. */
export function copiedAndTruncated(random: Random) {
  return async (program: Program): Promise<void> => {
    const { life } = program;
    if (life.bytes === 0) return;
    await shift(program);
    await copyFile(program.path, `${program.path}.1`);
    life.keptBytes = life.bytes;
    if (random.chance(0.5)) await program.writeSome();
    await truncate(program.path);
    program.begin();
  };
}

async function shift({ path, lives }: Program): Promise<void> {
  // What is written over now can be read no more: a daemon that has not come so far must say so.
  const oldest = lives.at(-keptRotations - 2);
  if (oldest !== undefined) oldest.keptBytes = 0;
  for (let index = keptRotations; index >= 1; index--) {
    for (const end of ['', '.gz']) {
      await rename(`${path}.${index}${end}`, `${path}.${index + 1}${end}`).catch(ignoreMissing);
    }
  }
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
