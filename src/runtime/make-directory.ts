/** A directory with its parents, readable by its owner alone. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCodeOf } from './errors.ts';

/** Node's own `recursive` never comes back from where a directory takes none (/proc), and takes a whole processor meanwhile. */
export async function makeDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { mode: 0o700 }).then(
    () => null,
    (error: unknown) => error,
  );
  if (made === null || (await isDirectory(path))) return;
  const parent = dirname(path);
  if (systemCodeOf(made) !== 'ENOENT' || (await isDirectory(parent))) throw made;
  await makeDirectory(parent);
  await makeDirectory(path);
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
