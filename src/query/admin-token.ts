/**
 * The first token: made at the first start, kept in a file only its owner can read, used by local commands by themselves.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { link, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RegressionError, messageOf, systemCodeOf } from '../runtime/errors.ts';

export const adminTokenName = 'admin.token';

/** 32 random bytes behind a readable prefix, so that secret scanners and people know it for what it is. */
const tokenPattern = /^rgr_[\w-]{43}$/;

export interface AdminToken {
  readonly token: string;
  readonly path: string;
  /** True when other users of the host may read the file. */
  readonly isExposed: boolean;
}

/** @throws RegressionError `DATA_DIR_UNUSABLE` when the file cannot be made or holds something else. */
export async function loadOrCreateAdminToken(dataDir: string): Promise<AdminToken> {
  const path = join(dataDir, adminTokenName);
  try {
    const known = await readAdminToken(dataDir);
    if (known !== null) return { token: known, path, isExposed: ((await stat(path)).mode & 0o077) !== 0 };
    const token = `rgr_${randomBytes(32).toString('base64url')}`;
    // Written aside and linked: a crash leaves a whole token or none.
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, `${token}\n`, { mode: 0o600, flag: 'w' });
    await link(draft, path);
    await unlink(draft);
    return { token, path, isExposed: false };
  } catch (error) {
    if (error instanceof RegressionError) throw error;
    throw new RegressionError('DATA_DIR_UNUSABLE', `cannot make ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** The token of a data directory; null when it has none. */
export async function readAdminToken(dataDir: string): Promise<string | null> {
  const path = join(dataDir, adminTokenName);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
  if (tokenPattern.test(text.trim())) return text.trim();
  throw new RegressionError('DATA_DIR_UNUSABLE', `${path} does not hold a token`, {
    hint: 'Remove the file; the next start makes a new one.',
  });
}

/** Compares by digest: the time taken says nothing of where two tokens differ, nor of their length. */
export function isSameToken(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
