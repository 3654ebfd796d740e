/**
 * What tells a file's content from another's under the same inode number: SHA-256 of its first bytes.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

export interface Fingerprint {
  /** Hex SHA-256 of the first `fingerprintBytes` bytes. */
  readonly fingerprint: string;
  /** How many bytes it covers: fewer than wanted while the file is shorter. */
  readonly fingerprintBytes: number;
}

/** Covers at most `wantedBytes`; fewer where the file ends before. */
export async function fingerprintOf(file: FileHandle, wantedBytes: number): Promise<Fingerprint & { head: Buffer }> {
  const buffer = Buffer.alloc(wantedBytes);
  const { bytesRead } = await file.read(buffer, 0, wantedBytes, 0);
  const head = buffer.subarray(0, bytesRead);
  return { fingerprint: createHash('sha256').update(head).digest('hex'), fingerprintBytes: bytesRead, head };
}

/** True when the file begins with what `known` was taken of. */
export async function matchesFingerprint(file: FileHandle, known: Fingerprint): Promise<boolean> {
  const now = await fingerprintOf(file, known.fingerprintBytes);
  return now.fingerprintBytes === known.fingerprintBytes && now.fingerprint === known.fingerprint;
}

/** Why a file with this head is not a text log: reading it as lines would store noise. */
export function refusalOf(head: Buffer): string | null {
  if (head.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b])))
    return 'it is compressed (gzip); `regression import` reads it';
  if (head.subarray(0, 4).equals(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])))
    return 'it is compressed (zstd); `regression import` reads it';
  if (
    head.subarray(0, 3).toString('latin1') === 'BZh' ||
    head.subarray(0, 6).equals(Buffer.from('fd377a585a00', 'hex'))
  ) {
    return 'it is compressed';
  }
  // NULs at the beginning are the hole a truncation left under its writer; NULs behind other bytes are no text.
  const firstByte = head.findIndex((byte) => byte !== 0);
  return firstByte >= 0 && head.subarray(firstByte).includes(0) ? 'it is a binary file' : null;
}
