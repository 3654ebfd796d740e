/** SHA-256 of a whole file, read in pieces. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { HashedFile } from '../file-jobs.ts';

export function hashFile(path: string): HashedFile {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  const descriptor = openSync(path, 'r');
  let bytes = 0;
  try {
    for (;;) {
      const length = readSync(descriptor, buffer);
      if (length === 0) return { bytes, sha256: hash.digest('hex') };
      bytes += length;
      hash.update(buffer.subarray(0, length));
    }
  } finally {
    closeSync(descriptor);
  }
}
