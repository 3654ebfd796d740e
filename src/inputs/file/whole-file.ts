/**
 * Reads a file or stream once, from its beginning to its end, in chunks of lines. gzip and zstd are told by their first bytes
 * and unpacked on the way. The last line counts without a newline too.
 */
import { type Stats, constants } from 'node:fs';
import { type FileHandle, access, open, stat as statPath } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { RegressionError, messageOf } from '../../runtime/errors.ts';
import type { Line } from '../input.ts';
import { packingOf } from './fingerprint.ts';
import { LineSplitter, type SplitterOptions, piecesOf } from './line-splitter.ts';

export interface WholeFile extends AsyncDisposable {
  readonly path: string;
  readonly handle: FileHandle;
  readonly size: number;
  readonly isCompressed: boolean;
  /** Bytes of the file taken so far (compressed ones, if it is): for progress. */
  bytesTaken(): number;
  /** The content, unpacked. */
  content(): Readable;
}

export interface LinesRead {
  readonly lines: readonly Line[];
  /** Offset in the unpacked content behind the last of `lines`, and behind lines without content after it. */
  readonly endOffset: number;
}

/** @throws RegressionError `FILE_UNREADABLE` naming the path. */
export async function openWholeFile(path: string): Promise<WholeFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path);
    const stat = await handle.stat();
    if (stat.isDirectory()) throw new Error('it is a directory');
    const magic = Buffer.alloc(4);
    if (stat.isFile()) await handle.read(magic, 0, 4, 0);
    return wholeFileOf(path, handle, stat, magic);
  } catch (error) {
    await handle?.close();
    throw unreadable(path, error);
  }
}

/** Null when it can be read, as far as can be told without opening it: a named pipe is opened once. */
export async function refusalOfFile(path: string): Promise<RegressionError | null> {
  try {
    await access(path, constants.R_OK);
    return (await statPath(path)).isDirectory() ? unreadable(path, new Error('it is a directory')) : null;
  } catch (error) {
    return unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): RegressionError {
  return new RegressionError('FILE_UNREADABLE', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
}

function wholeFileOf(path: string, handle: FileHandle, stat: Stats, magic: Buffer): WholeFile {
  const packing = packingOf(magic);
  const { size } = stat;
  // A pipe, e.g. of the shell's <(...), has no offsets.
  const from = stat.isFile() ? { start: 0 } : {};
  let raw: (Readable & { bytesRead?: number }) | undefined;
  return {
    path,
    handle,
    size,
    isCompressed: packing !== null,
    bytesTaken: () => raw?.bytesRead ?? 0,
    content() {
      const stream = handle.createReadStream({ ...from, autoClose: false, highWaterMark: 512 * 1024 });
      raw = stream;
      if (packing === null) return stream;
      const unpack = packing === 'gzip' ? createGunzip() : createZstdDecompress();
      stream.on('error', (error) => unpack.destroy(error));
      return stream.pipe(unpack);
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/**
 * @param fromOffset lines before this offset of the unpacked content are passed over: it is where a line begins.
 * @throws RegressionError `FILE_UNREADABLE` when reading or unpacking fails; the lines before have been given.
 */
export async function* linesOf(
  name: string,
  content: Readable,
  maxLineBytes: number,
  fromOffset = 0,
  options: SplitterOptions = {},
): AsyncGenerator<LinesRead> {
  const splitter = new LineSplitter(maxLineBytes, fromOffset, options);
  let toSkip = fromOffset;
  try {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      const wanted = chunk.subarray(Math.min(toSkip, chunk.length));
      toSkip -= chunk.length - wanted.length;
      for (const piece of piecesOf(wanted)) {
        const lines = splitter.push(piece);
        if (lines.length > 0) yield { lines, endOffset: splitter.lineStart };
      }
    }
  } catch (error) {
    throw new RegressionError('FILE_UNREADABLE', `cannot read ${name}: ${messageOf(error)}`, {
      cause: error,
      hint: 'What was read before the damage is kept.',
    });
  }
  const last = splitter.finish();
  const lines = last === null ? [] : [withoutMark(last)];
  yield { lines, endOffset: splitter.lineStart };
}

/** In a file that is read as a whole, a last line without newline is a line like the others. */
function withoutMark(line: Line): Line {
  const { metadata: marks = [], ...rest } = line;
  const metadata = marks.filter(([type]) => type !== 'partial');
  return { ...rest, ...(metadata.length > 0 ? { metadata } : {}) };
}
