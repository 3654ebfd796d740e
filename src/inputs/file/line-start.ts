/**
 * Where the last line of a file begins: for reading only what comes later, and for keeping whole lines of what is still there.
 * Cuts nothing itself; that is line-splitter.ts.
 */
import type { FileHandle } from 'node:fs/promises';
import type { Encoding } from './encoding.ts';
import { readAt } from './fingerprint.ts';

/** How far back the beginning of an unfinished line is looked for. */
const maxLineSearchBytes = 1024 * 1024;

/** Where the line begins that a file of `size` bytes ends in; `size` itself when it ends with a newline, or the line is very long. */
export async function lineStartBefore(file: FileHandle, size: number, encoding: Encoding): Promise<number> {
  const isWide = encoding === 'utf-16le' || encoding === 'utf-16be';
  for (let end = size; end > 0 && size - end < maxLineSearchBytes;) {
    const start = Math.max(0, end - 64 * 1024);
    const bytes = await readAt(file, start, end - start);
    for (let at = bytes.lastIndexOf(0x0a); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(0x0a, at - 1)) {
      const offset = start + at;
      if (!isWide) return offset + 1;
      if (encoding === 'utf-16le' && offset % 2 === 0 && offset + 2 <= size && bytes[at + 1] === 0) return offset + 2;
      if (encoding === 'utf-16be' && offset % 2 === 1 && bytes[at - 1] === 0) return offset + 1;
    }
    end = start;
    if (start === 0) return 0;
  }
  return size;
}
