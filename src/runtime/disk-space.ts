/** What a disk has left for us. */
import { statfs } from 'node:fs/promises';

export interface DiskSpace {
  readonly totalBytes: number;
  /** Without what is kept for root. */
  readonly freeBytes: number;
}

export async function diskSpace(path: string): Promise<DiskSpace> {
  const { blocks, bavail, bsize } = await statfs(path);
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
}
