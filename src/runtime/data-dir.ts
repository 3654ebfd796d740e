/** A data directory: made when it is not there, and used as its owner. */
import { stat } from 'node:fs/promises';
import { RegressionError, messageOf } from './errors.ts';
import { makeDirectory } from './make-directory.ts';

/** Readable by its owner alone. @throws RegressionError `DATA_DIR_UNUSABLE`. */
export async function makeDataDir(path: string): Promise<void> {
  try {
    await makeDirectory(path);
  } catch (error) {
    throw new RegressionError('DATA_DIR_UNUSABLE', `cannot make ${path}: ${messageOf(error)}`, {
      cause: error,
      hint: 'Choose another directory with --data-dir.',
    });
  }
}

/**
 * A command that root runs on the data directory of another user goes on as that user: what root made there the daemon could not write afterwards. The group
 * `adm` is kept, as the daemon has it, for logs that it may read.
 * @returns the user it has become; null when nothing needed to change.
 */
export async function actAsOwner(path: string): Promise<number | null> {
  if (process.getuid?.() !== 0) return null;
  const { uid, gid } = await stat(path);
  if (uid === 0) return null;
  for (const groups of [[gid, 'adm'], [gid]]) {
    try {
      process.setgroups?.(groups);
      break;
    } catch {
      // no such group here
    }
  }
  process.setgid?.(gid);
  process.setuid?.(uid);
  return uid;
}
