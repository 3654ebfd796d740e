/**
 * Holds a generation that is still on disk against what was stored of it: its lines in [start, offset) must be as many as the store
 * counted in the transactions of their rows; lines without content are left out on purpose.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { FilePosition } from '../../record/batch.ts';
import { type Encoding, encodingOfMark } from './encoding.ts';
import { holdsContentOf, packingOf, readAt } from './fingerprint.ts';
import { LineSplitter } from './line-splitter.ts';
import { openPacked } from './neighbour.ts';
import { RotationSearch } from './rotation-search.ts';

export type SourceCheck =
  | { readonly kind: 'counted'; readonly path: string; readonly lines: number; readonly emptyLines: number }
  /** Renamed out of sight, truncated or deleted: there is nothing to count. */
  | { readonly kind: 'gone' };

/** The content of a generation, in the file it was read from or in a packed one. */
interface Content extends AsyncDisposable {
  readonly path: string;
  /** From `start` on, at most to `end`. */
  readonly bytes: (start: number, end: number) => AsyncIterable<Buffer>;
}

const chunkBytes = 256 * 1024;
/** A byte order mark, and the beginnings that packed files have. */
const markBytes = 4;

/** @param encoding of files without a byte order mark. */
export async function checkSource(
  position: FilePosition,
  encoding: Encoding,
  maxLineBytes: number,
): Promise<SourceCheck> {
  const found = (await plainContent(position)) ?? (await packedContent(position));
  if (found === null) return { kind: 'gone' };
  await using content = found;
  const start = position.startOffset ?? 0;
  let head: Buffer = Buffer.alloc(0);
  for await (const bytes of content.bytes(0, markBytes)) head = Buffer.concat([head, bytes]);
  const splitter = new LineSplitter(maxLineBytes, start, { encoding: encodingOfMark(head) ?? encoding });
  let lines = 0;
  // Cut short since: the count will say so.
  for await (const bytes of content.bytes(start, position.offset)) lines += splitter.push(bytes).length;
  // An ended generation's last line may have no newline; one that is being cut was handed out before its end.
  if (position.isEnded || position.evidence?.insideLineAt === position.offset) if (splitter.finish() !== null) lines++;
  return { kind: 'counted', path: content.path, lines, emptyLines: splitter.takeEmptyLines() };
}

async function plainContent(position: FilePosition): Promise<Content | null> {
  const moved = await new RotationSearch().byInode(position);
  for (const path of new Set([position.path, position.evidence?.realPath, moved?.path])) {
    const file = path === undefined ? null : await open(path).catch(() => null);
    if (file === null || path === undefined) continue;
    const isOurs = (await isText(file)) && (await holdsContentOf(file, position).catch(() => false));
    const { size } = await file.stat();
    if (isOurs && size >= position.offset) {
      return {
        path,
        async *bytes(start, end) {
          for (let at = start; at < end; at += chunkBytes) yield readAt(file, at, Math.min(chunkBytes, end - at));
        },
        [Symbol.asyncDispose]: () => file.close(),
      };
    }
    await file.close();
  }
  return null;
}

async function packedContent(position: FilePosition): Promise<Content | null> {
  const packed = await new RotationSearch().byContent(position, ({ isPacked }) => !isPacked);
  const whole = packed === null ? null : await openPacked(packed).catch(() => null); // gone meanwhile
  if (whole === null) return null;
  return {
    path: whole.path,
    async *bytes(start, end) {
      let at = 0;
      for await (const chunk of whole.content() as AsyncIterable<Buffer>) {
        const wanted = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at));
        at += chunk.length;
        if (wanted.length > 0) yield wanted;
        if (at >= end) return;
      }
    },
    [Symbol.asyncDispose]: whole[Symbol.asyncDispose],
  };
}

async function isText(file: FileHandle): Promise<boolean> {
  return packingOf(await readAt(file, 0, markBytes)) === null;
}
