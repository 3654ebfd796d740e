/** Chooses how a search is narrowed down in a file: by which index, or by what is known of the rows of a file that has none. */
import type { Filter } from '../../search/request.ts';
import type { Segment } from '../segments.ts';
import { type Sources, databaseOf } from './sources.ts';
import type { Narrowing } from './search-to-sql.ts';
import { requiredPairs, requiredTexts } from './query-to-sql.ts';
import { blockCandidates, storedBitmaps } from './text-blocks.ts';
import { type TextCandidates, textCandidates } from './text-index.ts';
import type { UnsealedFile } from './unsealed-rows.ts';

/** So few rows that asking whether the other index leaves fewer, by a look at each of its terms, takes longer than to read them. */
const fewRows = 8000;

/**
 * @param segment null for the hot file.
 * @param factor without candidates where they would be more than one in so many of the file's rows.
 */
export function narrowingOf(sources: Sources, segment: Segment | null, filter: Filter, factor: number): Narrowing {
  if (segment?.state === 'sealed')
    return { candidates: candidatesInSealed(sources, segment, filter, factor), pairs: 'of the file' };
  const { unsealed } = sources;
  const file = unsealedFile(sources, segment);
  if (unsealed === undefined || file === null) return { candidates: null, pairs: 'of the file' };
  const [texts, pairs] = [requiredTexts(filter), requiredPairs(filter)];
  const byPairs = pairs.length === 0 ? null : unsealed.pairCandidates(file, pairs, factor);
  if (byPairs !== null && byPairs !== 'many') return { candidates: byPairs, pairs: 'of each row' };
  const candidates = texts.length === 0 ? null : unsealed.textCandidates(file, texts);
  // A pair of many rows is met soon; one that nobody knows may be anywhere.
  return { candidates, pairs: byPairs === 'many' || candidates !== null ? 'of each row' : 'of the file' };
}

/** True where little is known of the file's rows: what is to be looked up has to be read first. */
export function isUnread(sources: Sources, segment: Segment | null, filter: Filter): boolean {
  const file = segment?.state === 'sealed' ? null : unsealedFile(sources, segment);
  if (sources.unsealed === undefined || file === null) return false;
  return !sources.unsealed.isKnown(file, { texts: requiredTexts(filter), pairs: requiredPairs(filter) });
}

function unsealedFile(sources: Sources, segment: Segment | null): UnsealedFile | null {
  const { openPages } = sources;
  if (openPages === undefined) return null;
  return { database: databaseOf(sources, segment), openPages: () => openPages(segment) };
}

/** True where an index says which few rows to look at; else they are looked at one after the other. */
export function isByIndex({ candidates, pairs }: Narrowing, filter: Filter): boolean {
  return candidates !== null || (pairs === 'of the file' && requiredPairs(filter).length > 0);
}

function candidatesInSealed(sources: Sources, segment: Segment, filter: Filter, factor: number): TextCandidates | null {
  const texts = requiredTexts(filter);
  if (texts.length === 0) return null;
  const database = sources.open(segment);
  const bitmapsOf = storedBitmaps(database);
  const inBlocks = bitmapsOf === null ? null : blockCandidates(texts, segment, bitmapsOf);
  if (inBlocks !== null && inBlocks.maxRows <= fewRows) return inBlocks;
  const byWords = textCandidates(database, texts);
  const fewest = inBlocks !== null && inBlocks.maxRows < (byWords?.maxRows ?? Infinity) ? inBlocks : byWords;
  const rows = segment.lastId - segment.firstId + 1;
  return fewest !== null && fewest.maxRows * factor <= rows ? fewest : null;
}
