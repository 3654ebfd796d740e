/**
 * What is lost of a generation whose file is gone or truncated: surely the bytes that were seen of it, and behind them as many as
 * nobody saw.
 */
import type { FilePosition, Gap, GapReason } from '../../record/batch.ts';

/**
 * A writer that was silent for so long before a truncation is not taken to have written in the instant between the copy and the
 * truncation.
 */
export const quietNs = 5_000_000_000n;

/** @param seenBytes how long the file was when it was last seen. */
export function seenLoss(position: FilePosition, from: number, seenBytes: number, reason: GapReason): readonly Gap[] {
  const { generation, path } = position;
  return seenBytes > from ? [{ generation, path, startOffset: from, endOffset: seenBytes, reason }] : [];
}

/** The same, and that more may be lost: nobody saw how long the file was in the end. */
export function lossBehind(position: FilePosition, from: number, seenBytes: number, reason: GapReason): readonly Gap[] {
  const { generation, path } = position;
  const unseen: Gap = { generation, path, startOffset: Math.max(from, seenBytes), endOffset: null, reason };
  return [...seenLoss(position, from, seenBytes, reason), unseen];
}

/** What the original of a copy had beyond the copy's end; nothing when the copy is not of a file that was truncated. */
export function lossBehindCopy(position: FilePosition, copyEnd: number): readonly Gap[] {
  const { truncatedAtBytes } = position.evidence ?? {};
  return truncatedAtBytes === undefined ? [] : lossBehind(position, copyEnd, truncatedAtBytes, 'truncated');
}
