/**
 * Holds a generation that is still on disk against what was stored of it: its lines in [start, offset) must be as many as the store
 * counted in the transactions of their rows; lines without content are left out on purpose.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { FilePosition } from '../../record/batch.ts';
import { type Encoding, encodingOfMark } from './encoding.ts';
import { holdsContentOf, packingOf, readAt } from './fingerprint.ts';
import { LineSplitter } from './line-splitter.ts';
import { RotationSearch } from './rotation-search.ts';

export type SourceCheck =
  | { readonly kind: 'counted'; readonly path: string; readonly lines: number; readonly emptyLines: number }
  /** Renamed out of sight, packed, truncated or deleted: there is nothing to count. */
  | { readonly kind: 'gone' };

const chunkBytes = 256 * 1024;

/** @param encoding of files without a byte order mark. */
export async function checkSource(
  position: FilePosition,
  encoding: Encoding,
  maxLineBytes: number,
): Promise<SourceCheck> {
  const found = await openGeneration(position);
  if (found === null) return { kind: 'gone' };
  await using file = found.file;
  const start = position.startOffset ?? 0;
  const head = await readAt(file, 0, 4);
  const splitter = new LineSplitter(maxLineBytes, start, { encoding: encodingOfMark(head) ?? encoding });
  let lines = 0;
  for (let at = start; at < position.offset; at += chunkBytes) {
    const bytes = await readAt(file, at, Math.min(chunkBytes, position.offset - at));
    if (bytes.length === 0) break; // cut short since: the count will say so
    lines += splitter.push(bytes).length;
  }
  // An ended generation's last line may have no newline; one that is being cut was handed out before its end.
  if (position.isEnded || position.evidence?.insideLineAt === position.offset) if (splitter.finish() !== null) lines++;
  return { kind: 'counted', path: found.path, lines, emptyLines: splitter.takeEmptyLines() };
}

async function openGeneration(position: FilePosition): Promise<{ file: FileHandle; path: string } | null> {
  const moved = await new RotationSearch().byInode(position);
  for (const path of new Set([position.path, position.evidence?.realPath, moved?.path])) {
    const file = path === undefined ? null : await open(path).catch(() => null);
    if (file === null || path === undefined) continue;
    const isOurs = (await isText(file)) && (await holdsContentOf(file, position).catch(() => false));
    const { size } = await file.stat();
    if (isOurs && size >= position.offset) return { file, path };
    await file.close();
  }
  return null;
}

async function isText(file: FileHandle): Promise<boolean> {
  return packingOf(await readAt(file, 0, 4)) === null;
}
