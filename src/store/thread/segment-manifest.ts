/** The manifest of a sealed segment: written, read, and made again from the file it describes. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../runtime/errors.ts';
import { durableRename, syncPath } from '../durable-rename.ts';
import { type SegmentManifest, segmentFileNames } from '../segments.ts';
import { foreignReasonOf, isDamage, readHeader } from './damage.ts';
import { checkFile } from './file-checks.ts';
import { hashFile } from './file-hash.ts';

/** Null when it is torn. */
export function readManifest(path: string): SegmentManifest | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SegmentManifest;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Complete when it gets its name; a torn one of the same name is replaced. */
export function writeManifest(directory: string, manifest: SegmentManifest): void {
  const names = segmentFileNames(manifest.firstId);
  const unfinished = join(directory, names.unfinishedManifest);
  writeFileSync(unfinished, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
  syncPath(unfinished);
  durableRename(unfinished, join(directory, names.manifest));
}

/** What the manifest of a sealed file says, from the file itself, which is read through; or why it cannot be used. */
export function describeSealed(path: string, now: string): SegmentManifest | string {
  const foreignReason = foreignReasonOf(readHeader(path));
  if (foreignReason !== null) return foreignReason;
  try {
    const { verdict, rows, metadataRows, firstId, lastId, minTimestamp, maxTimestamp } = checkFile(path, false);
    if (verdict !== 'ok') return `it is damaged: ${verdict}`;
    if (firstId === null || lastId === null || minTimestamp === null || maxTimestamp === null) return 'it has no rows';
    const content = { rows, metadataRows, bytes: statSync(path).size, firstId, lastId, minTimestamp, maxTimestamp };
    return { formatVersion: 1, ...content, sha256: hashFile(path).sha256, sealedAt: now };
  } catch (error) {
    if (isDamage(error)) return `it is damaged: ${messageOf(error)}`;
    throw error;
  }
}
