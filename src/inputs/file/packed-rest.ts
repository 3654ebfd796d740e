/**
 * Reads the rest of a generation from the compressed file that it became.
 */
import type { FilePosition } from '../../record/batch.ts';
import type { Line, LineStream } from '../input.ts';
import { checkBytes, sha256 } from './fingerprint.ts';
import type { Encoding } from './encoding.ts';
import { linesOf, openWholeFile } from './whole-file.ts';

/** True when the file at `path` unpacks to what `position` was read from. Reads as far as that was. */
export async function isPackedCopyOf(path: string, position: FilePosition): Promise<boolean> {
  await using whole = await openWholeFile(path);
  if (!whole.isCompressed) return false;
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
export async function packedHead(path: string, bytes: number): Promise<Buffer> {
  await using whole = await openWholeFile(path);
  let head: Buffer = Buffer.alloc(0);
  for await (const chunk of whole.content() as AsyncIterable<Buffer>) {
    head = Buffer.concat([head, chunk]).subarray(0, bytes);
    if (head.length === bytes) break;
  }
  return head;
}

export interface PackedRestOptions {
  readonly path: string;
  readonly position: FilePosition;
  readonly stream: LineStream;
  readonly encoding: Encoding;
  readonly maxLineBytes: number;
  readonly onLines: (lines: readonly Line[], endOffset: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Hands on the lines behind the position's offset and ends the generation; stops before that only when `signal` aborts.
 * @throws RegressionError `FILE_UNREADABLE` when the file is damaged or still being written; lines before that are handed on.
 */
export async function readPackedRest(options: PackedRestOptions): Promise<void> {
  const { stream, signal, encoding } = options;
  await using whole = await openWholeFile(options.path);
  const { position } = options;
  let offset = position.offset;
  const splitting = { encoding, isInsideLine: position.evidence?.insideLineAt === position.offset, marksPartial: true };
  const content = linesOf(options.path, whole.content(), options.maxLineBytes, position.offset, splitting);
  for await (const { lines, endOffset } of content) {
    if (signal.aborted) return;
    offset = endOffset;
    await stream.write({ lines, position: { ...position, offset } });
    options.onLines(lines, offset);
  }
  await stream.write({ lines: [], position: { ...position, offset, isEnded: true } });
  await stream.end();
}
