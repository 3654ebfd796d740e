/** How much of a file that became shorter is what was read of it before: then the rest goes on, and nothing is read twice. */
import type { FileHandle } from 'node:fs/promises';
import { BlockSums } from './block-sums.ts';
import type { Encoding } from './encoding.ts';
import { readAt } from './fingerprint.ts';
import { lineStartBefore } from './line-start.ts';

export interface ReadBefore {
  /** The first bytes. */
  readonly head: Buffer;
  readonly sums: BlockSums;
  /** The last bytes, and the offset behind them. */
  readonly lastBytes: Buffer;
  readonly end: number;
}

const pieceBytes = 256 * 1024;

/**
 * How much of the file's `size` bytes, fewer than were read, is surely what was read, in whole lines. 0 when it is other content, or
 * nobody can tell: then lines may be read twice, but none is missed.
 */
export async function keptPrefix(
  file: FileHandle,
  size: number,
  read: ReadBefore,
  encoding: Encoding,
): Promise<number> {
  const comparable = read.sums.comparable(size);
  const now = new BlockSums();
  for (let at = 0; at < comparable; at += pieceBytes) {
    now.add(await readAt(file, at, Math.min(pieceBytes, comparable - at)), at);
  }
  if (comparable === 0 || read.sums.commonWith(now) < comparable) return keptHead(file, size, read.head, encoding);
  // The sums end at a whole block; what is behind it is compared with the bytes that were read last, if it is among them.
  const lastStart = read.end - read.lastBytes.length;
  const rest = await readAt(file, lastStart, Math.max(0, size - lastStart));
  const isWhole = lastStart <= comparable && rest.equals(read.lastBytes.subarray(0, rest.length));
  return lineStartBefore(file, isWhole ? size : comparable, encoding);
}

/** The same by the first bytes alone, which are kept as they were. */
async function keptHead(file: FileHandle, size: number, head: Buffer, encoding: Encoding): Promise<number> {
  if (size > head.length) return 0;
  const bytes = await readAt(file, 0, size);
  return bytes.equals(head.subarray(0, size)) ? lineStartBefore(file, size, encoding) : 0;
}
