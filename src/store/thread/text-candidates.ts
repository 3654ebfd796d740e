/** Chooses by which index a search for texts is narrowed down in a file. */
import type { Filter } from '../../search/request.ts';
import type { Segment } from '../segments.ts';
import type { Sources } from './sources.ts';
import { requiredTexts } from './query-to-sql.ts';
import { blockCandidates, storedBitmaps } from './text-blocks.ts';
import { type TextCandidates, textCandidates } from './text-index.ts';

/** So few rows that it is not worth asking whether the other index leaves fewer. */
const fewRows = 1000;

/**
 * Null without texts, and where they would leave more than one in `factor` of the file's rows.
 * @param segment null for the hot file.
 */
export function candidatesIn(
  sources: Sources,
  segment: Segment | null,
  filter: Filter,
  factor: number,
): TextCandidates | null {
  const texts = requiredTexts(filter);
  if (texts.length === 0) return null;
  const database = segment === null ? sources.hot : sources.open(segment);
  if (segment?.state !== 'sealed') return sources.texts?.candidates(database, texts) ?? null;
  const bitmapsOf = storedBitmaps(database);
  const inBlocks = bitmapsOf === null ? null : blockCandidates(texts, segment, bitmapsOf);
  if (inBlocks !== null && inBlocks.maxRows <= fewRows) return inBlocks;
  const byWords = textCandidates(database, texts);
  const fewest = inBlocks !== null && inBlocks.maxRows < (byWords?.maxRows ?? Infinity) ? inBlocks : byWords;
  const rows = segment.lastId - segment.firstId + 1;
  return fewest !== null && fewest.maxRows * factor <= rows ? fewest : null;
}
