/** What the store is told of how far a generation has been read, whether from the file itself (tail.ts) or from its packed form (packed-rest.ts). */
import type { FilePosition, Gap } from '../../record/batch.ts';
import { sha256 } from './fingerprint.ts';
import type { LineSplitter } from './line-splitter.ts';

/** The last bytes read, and the offset behind them. */
export interface ReadUntil {
  readonly end: number;
  readonly lastBytes: Buffer;
}

/** The position behind the last whole line. What a truncation took is known until the generation has ended. */
export function positionAt(
  position: FilePosition,
  splitter: LineSplitter,
  { end, lastBytes }: ReadUntil,
  isEnded: boolean,
): FilePosition {
  const { insideLineAt: _before, truncatedAtBytes, ...known } = position.evidence ?? {};
  const copied = isEnded || truncatedAtBytes === undefined ? {} : { truncatedAtBytes };
  const inside = splitter.isInsideLine ? { insideLineAt: splitter.lineStart } : {};
  const evidence = { ...known, check: checkOf({ end, lastBytes }), ...inside, ...copied };
  return { ...position, offset: splitter.lineStart, isEnded, evidence };
}

/** What the bytes before `end` are found again by. */
export function checkOf({ end, lastBytes }: ReadUntil) {
  return { end, bytes: lastBytes.length, sha256: sha256(lastBytes) };
}

/** What was cut out of lines too long, since it was last asked. */
export function takeCutGaps(splitter: LineSplitter, { generation, path }: FilePosition): Gap[] {
  return splitter.takeCuts().map((cut) => ({ ...cut, generation, path, reason: 'line_too_long' as const }));
}
