/** Makes a data directory that is not there. */
import { mkdir } from 'node:fs/promises';
import { RegressionError, messageOf } from './errors.ts';

/** Readable by its owner alone. @throws RegressionError `DATA_DIR_UNUSABLE`. */
export async function makeDataDir(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new RegressionError('DATA_DIR_UNUSABLE', `cannot make ${path}: ${messageOf(error)}`, {
      cause: error,
      hint: 'Choose another directory with --data-dir.',
    });
  }
}
