/**
 * Reads the rest of a generation from the compressed file that it became.
 */
import { finished } from 'node:stream/promises';
import type { FilePosition } from '../../record/batch.ts';
import type { Line, LineStream } from '../input.ts';
import { checkBytes, sha256 } from './fingerprint.ts';
import type { Encoding } from './encoding.ts';
import { LineSplitter, piecesOf } from './line-splitter.ts';
import { lossBehindCopy } from './losses.ts';
import { type Neighbour, openPacked } from './neighbour.ts';
import { positionAt, takeCutGaps } from './read-progress.ts';

/** True when the file unpacks to what `position` was read from. Reads as far as that was. */
export async function isPackedCopyOf(neighbour: Neighbour, position: FilePosition): Promise<boolean> {
  await using whole = await openPacked(neighbour);
  const check = position.evidence?.check ?? { end: position.offset, bytes: 0, sha256: '' };
  const neededBytes = Math.max(check.end, position.offset, position.fingerprintBytes);
  let head: Buffer = Buffer.alloc(0);
  let last: Buffer = Buffer.alloc(0);
  let end = 0;
  for await (const chunk of whole.content() as AsyncIterable<Buffer>) {
    if (head.length < position.fingerprintBytes) {
      head = Buffer.concat([head, chunk]).subarray(0, position.fingerprintBytes);
      if (head.length === position.fingerprintBytes && sha256(head) !== position.fingerprint) return false;
    }
    if (end < check.end) last = Buffer.concat([last, chunk.subarray(0, check.end - end)]).subarray(-checkBytes);
    end += chunk.length;
    if (end >= neededBytes) break;
  }
  if (end < neededBytes || head.length < position.fingerprintBytes) return false;
  return check.bytes === 0 || sha256(last.subarray(last.length - check.bytes)) === check.sha256;
}

/** The first bytes of the unpacked content. */
export async function packedHead(neighbour: Neighbour, bytes: number): Promise<Buffer> {
  await using whole = await openPacked(neighbour);
  let head: Buffer = Buffer.alloc(0);
  for await (const chunk of whole.content() as AsyncIterable<Buffer>) {
    head = Buffer.concat([head, chunk]).subarray(0, bytes);
    if (head.length === bytes) break;
  }
  return head;
}

/** True when the file is packed to its end and not damaged. */
export async function unpacks(neighbour: Neighbour): Promise<boolean> {
  try {
    await using whole = await openPacked(neighbour);
    await finished(whole.content().resume());
    return true;
  } catch {
    return false;
  }
}

export interface PackedRestOptions {
  readonly neighbour: Neighbour;
  readonly position: FilePosition;
  readonly stream: LineStream;
  readonly encoding: Encoding;
  readonly maxLineBytes: number;
  /** Told of lines that the stream has taken, and of the position behind them. */
  readonly onLines: (lines: readonly Line[], emptyLines: number, position: FilePosition) => void;
  readonly signal: AbortSignal;
}

/**
 * Hands on the lines behind the position's offset, an unfinished last one too, and ends the generation in the last write.
 *
 * @returns false when `signal` aborted before the end.
 * @throws when the file is damaged or still being written; lines before that have been handed on.
 */
export async function readPackedRest(options: PackedRestOptions): Promise<boolean> {
  const { stream, signal, encoding, maxLineBytes, onLines } = options;
  await using whole = await openPacked(options.neighbour);
  let { position } = options;
  const { offset: startOffset } = position;
  const isInsideLine = position.evidence?.insideLineAt === startOffset;
  const splitter = new LineSplitter(maxLineBytes, startOffset, { encoding, isInsideLine });
  let end = 0;
  let last: Buffer = Buffer.alloc(0);
  const handOn = async (lines: readonly Line[], isEnded: boolean): Promise<void> => {
    const gaps = [...takeCutGaps(splitter, position), ...(isEnded ? lossBehindCopy(position, end) : [])];
    position = positionAt(position, splitter, { end, lastBytes: last }, isEnded);
    await stream.write({ lines, position, gaps });
    onLines(lines, splitter.takeEmptyLines(), position);
  };
  for await (const chunk of whole.content() as AsyncIterable<Buffer>) {
    if (signal.aborted) return false;
    const unread = chunk.subarray(Math.min(Math.max(0, startOffset - end), chunk.length));
    end += chunk.length;
    last = lastBytesOf(last, chunk);
    for (const piece of piecesOf(unread)) {
      const lines = splitter.push(piece);
      if (splitter.lineStart !== position.offset) await handOn(lines, false);
    }
  }
  if (signal.aborted) return false;
  const line = splitter.finish();
  await handOn(line === null ? [] : [line], true);
  return true;
}

function lastBytesOf(before: Buffer, chunk: Buffer): Buffer {
  if (chunk.length >= checkBytes) return Buffer.from(chunk.subarray(-checkBytes));
  return Buffer.concat([before, chunk]).subarray(-checkBytes);
}
