/**
 * What tells a file's content from another's under the same inode number or name: SHA-256 of its first bytes, and of the bytes
 * before the place that was read to.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { FilePosition } from '../../record/batch.ts';
import { encodingOfMark } from './encoding.ts';

export interface Fingerprint {
  /** Hex SHA-256 of the first `fingerprintBytes` bytes. */
  readonly fingerprint: string;
  /** How many bytes it covers: fewer than wanted while the file is shorter. */
  readonly fingerprintBytes: number;
}

/** Bytes before an offset that are compared to notice that a file's content is not what was read. */
export const checkBytes = 256;

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Covers at most `wantedBytes`; fewer where the file ends before. */
export async function fingerprintOf(file: FileHandle, wantedBytes: number): Promise<Fingerprint & { head: Buffer }> {
  const head = await readAt(file, 0, wantedBytes);
  return { fingerprint: sha256(head), fingerprintBytes: head.length, head };
}

/** At most `length` bytes from `offset`; fewer where the file ends before. */
export async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

/** True when the file begins with what `known` was taken of. */
export async function matchesFingerprint(file: FileHandle, known: Fingerprint): Promise<boolean> {
  const now = await fingerprintOf(file, known.fingerprintBytes);
  return now.fingerprintBytes === known.fingerprintBytes && now.fingerprint === known.fingerprint;
}

/** True when `file` holds what `position` was read from: the same head and, where it is known, the same bytes before the offset. */
export async function holdsContentOf(file: FileHandle, position: FilePosition): Promise<boolean> {
  if (!(await matchesFingerprint(file, position))) return false;
  const check = position.evidence?.check;
  if (check === undefined) return true;
  const bytes = await readAt(file, check.end - check.bytes, check.bytes);
  return bytes.length === check.bytes && sha256(bytes) === check.sha256;
}

/** `gzip`, `zstd`: what a file with this head is packed with; null for others. */
export function packingOf(head: Buffer): 'gzip' | 'zstd' | null {
  if (head.length >= 2 && head.readUInt16BE(0) === 0x1f8b) return 'gzip'; // RFC 1952 section 2.3.1
  return head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : null; // RFC 8878 section 3.1.1
}

/** Why a file with this head is not a text log: reading it as lines would store noise. */
export function refusalOf(head: Buffer): string | null {
  const packing = packingOf(head);
  if (packing !== null) return `it is compressed (${packing}); \`regression import\` reads it`;
  if (
    head.subarray(0, 3).toString('latin1') === 'BZh' ||
    head.subarray(0, 6).equals(Buffer.from('fd377a585a00', 'hex'))
  ) {
    return 'it is compressed';
  }
  if (encodingOfMark(head) !== null) return null;
  return isBinary(head) ? 'it is a binary file' : null;
}

/**
 * Many control characters, or NULs strewn among other bytes. Long runs of NULs are holes (a truncation under a writer that does
 * not append, a crash of the system) and say nothing; neither does UTF-16, which has a NUL at every other place.
 */
function isBinary(head: Buffer): boolean {
  let controls = 0;
  let others = 0;
  let nuls = 0;
  let alternating = 0;
  for (let at = 0; at < head.length; at++) {
    const byte = head[at] ?? 0;
    if (byte === 0) {
      let end = at;
      while (end < head.length && head[end] === 0) end++;
      if (end - at < 16 && end < head.length) nuls += end - at;
      if (end - at === 1) alternating++;
      at = end - 1;
    } else if (byte < 0x20 && !isTextControl(byte)) controls++;
    else others++;
  }
  if (alternating > 0.8 * others) return controls > 0.1 * others;
  return nuls + controls > 0.05 * (others + controls); // random bytes have 9 in a hundred
}

/** BEL to CR, and ESC, which colours text. */
function isTextControl(byte: number): boolean {
  return (byte >= 0x07 && byte <= 0x0d) || byte === 0x1b;
}
