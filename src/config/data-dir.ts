/**
 * Where the data directory is, without the schema of everything else: a command that asks a running daemon needs no more, and would
 * spend most of its time on loading what inputs and sinks can be configured to do. What is wrong elsewhere in the
 * configuration is the daemon's matter then.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ConfigSources } from './load.ts';

export const defaultDataDir = './data';

/** Absolute; null when it takes the whole configuration (load.ts) to say, or to say what is wrong with it. */
export async function dataDirOf({ configPath, dataDir, env, cwd }: ConfigSources): Promise<string | null> {
  const given = dataDir ?? env['REGRESSION_DATA_DIR'];
  if (given !== undefined) return given === '' ? null : resolve(cwd, given);
  const path = configPath ?? env['REGRESSION_CONFIG'];
  if (path === undefined) return resolve(cwd, defaultDataDir);
  try {
    const { parse } = await import('yaml');
    const file = parse(await readFile(resolve(cwd, path), 'utf8')) as { readonly data_dir?: unknown } | null;
    const named = file?.data_dir ?? defaultDataDir;
    return typeof named === 'string' && named !== '' ? resolve(cwd, named) : null;
  } catch {
    return null; // load.ts says what is wrong, and where
  }
}
