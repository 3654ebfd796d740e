/**
 * Counts rows per time step, over the hot file and the segments.
 *
 * A dashboard asks the same over and over while its window moves and rows come in. So a part (a segment, the hot file) of which
 * most is asked is counted whole, by minutes, and the table is kept: the next question adds the minutes of its window, counts
 * of those that its bounds cut the smaller piece (of the minute that is now, nothing: no rows are of later), and the rows that
 * have come since.
 */
import { timestampOfMs } from '../../record/timestamp.ts';
import type { Filter, HitsBucket, HitsRequest } from '../../search/request.ts';
import { type Segment, type SegmentRange, mayMatch } from '../segments.ts';
import { rangesOf } from './file-checks.ts';
import { hasMinuteCounts, isOfMinutes } from './minute-counts.ts';
import { isByIndex, narrowingOf } from './narrowing.ts';
import { type Sources, databaseOf } from './sources.ts';
import { type Narrowing, type Query, hitsQuery, minuteHitsQuery } from './search-to-sql.ts';
import type { Sqlite } from './sqlite.ts';
import { walkedHits } from './walked-hits.ts';
import { type WordMinutes, countByWords, wordMinutesOf } from './word-minutes.ts';

/** By the second in which a unit (a minute, or a second) begins, since 1970. */
type Counts = Map<number, number>;
type SecondCounts = [seconds: number, count: number][];

/** The counts of a part's rows up to and including `untilId`, whatever their times. */
interface Table {
  readonly untilId: number;
  readonly counts: Counts;
}

/** A segment, or the hot file, whose rows end where the snapshot does. */
interface Part extends SegmentRange {
  readonly segment: Segment | null;
}

/** Beyond a third of a part's rows, counting all by the index of times is quicker than walking the new ones. */
const maxShareWalked = 1 / 3;
const bytesPerCount = 40;

export function countHits(sources: Sources, request: HitsRequest): readonly HitsBucket[] {
  const buckets: Counts = new Map();
  const hot = hotPart(sources);
  const parts: Part[] = sources.segments.map((segment) => ({ ...segment, segment }));
  for (const part of hot === null ? parts : [...parts, hot]) {
    if (mayMatch(part, request.filter)) addPart(sources, part, request, buckets);
  }
  return [...buckets]
    .filter(([, count]) => count > 0)
    .sort(([a], [b]) => a - b)
    .map(([seconds, count]) => ({ timestamp: textOf(seconds), count }));
}

function hotPart({ hot }: Sources): Part | null {
  const range = rangesOf(hot);
  return range === null ? null : { ...range, segment: null };
}

function addPart(sources: Sources, part: Part, { filter, stepSeconds }: HitsRequest, buckets: Counts): void {
  const unitSeconds = stepSeconds % 60 === 0 ? 60 : 1;
  const add = (counts: Iterable<readonly [seconds: number, count: number]>, times: 1 | -1 = 1): void => {
    for (const [seconds, count] of counts) {
      const bucket = Math.floor(seconds / stepSeconds) * stepSeconds;
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + count * times);
    }
  };
  const { start, end, afterId, untilId, ...timeless } = filter;
  const cutsIds =
    (afterId !== undefined && afterId >= part.firstId) || (untilId !== undefined && untilId < part.lastId);
  const units = unitsOf(part, start, end, unitSeconds);
  const table = cutsIds || units === null ? null : tableOf(sources, part, timeless, { start, end, unitSeconds });
  if (table === null || units === null) return add(countIn(sources, part, filter, unitSeconds));

  add([...table.counts].filter(([seconds]) => seconds >= units.from && seconds < units.to));
  for (const { times, ...edge } of units.edges) {
    const pieceOf = 1 / Math.max(shareAsked(part, edge), 1e-6);
    if (mayMatch(part, edge)) add(countIn(sources, part, { ...timeless, ...edge }, unitSeconds, pieceOf), times);
  }
}

interface Window {
  readonly start: string | undefined;
  readonly end: string | undefined;
  readonly unitSeconds: number;
}

/** Null where counting only what is asked is less work. */
function tableOf(sources: Sources, part: Part, timeless: Filter, window: Window): Table | null {
  const { unitSeconds } = window;
  const question = `hits ${unitSeconds} ${JSON.stringify({ ...timeless, search: timeless.search?.query })}`;
  const known = sources.answers.get<Table>(part.firstId, question);
  if (known?.untilId === part.lastId) return known;
  const missing = known === undefined ? Infinity : part.lastId - known.untilId;
  const summed = known === undefined ? countByIndexes(sources, part, timeless, unitSeconds) : null;
  const isCheap = summed !== null || shareAsked(part, window) >= 0.5;
  if (known === undefined && !isCheap && !comesAgain(sources, part, question)) return null;
  let counts: Counts;
  if (known !== undefined && missing > 0 && missing <= (part.lastId - part.firstId) * maxShareWalked) {
    counts = known.counts; // ours alone: it is put back below
    const fresh = { ...timeless, afterId: known.untilId };
    for (const [seconds, count] of countIn(sources, part, fresh, unitSeconds, 'new')) {
      counts.set(seconds, (counts.get(seconds) ?? 0) + count);
    }
  } else counts = new Map(summed ?? countIn(sources, part, timeless, unitSeconds));
  const table = { untilId: part.lastId, counts };
  sources.answers.put(part.firstId, question, table, counts.size * bytesPerCount);
  return table;
}

/** What is asked for the second time is a dashboard's: its window will go on cutting this part for long. */
function comesAgain({ answers }: Sources, { firstId }: Part, question: string): boolean {
  const mark = `asked ${question}`;
  if (answers.get<true>(firstId, mark) === true) return true;
  answers.put(firstId, mark, true, 0);
  return false;
}

/** How much of the part's span of time is asked for, 0 to 1. */
function shareAsked(part: Part, window: Pick<Filter, 'start' | 'end'>): number {
  const wholeMs = millisecondsOf(part, {});
  return wholeMs === 0 ? 1 : millisecondsOf(part, window) / wholeMs;
}

function millisecondsOf({ minTimestamp, maxTimestamp }: Part, { start, end }: Pick<Filter, 'start' | 'end'>): number {
  const [minMs, maxMs] = [Date.parse(minTimestamp), Date.parse(maxTimestamp)];
  const fromMs = start === undefined ? minMs : Math.max(Date.parse(start), minMs);
  const toMs = end === undefined ? maxMs : Math.min(Date.parse(end), maxMs);
  return Math.max(toMs - fromMs, 0);
}

/** Of a unit that a bound cuts: rows to be added to the whole units, or to be taken off. */
interface Edge {
  readonly start: string;
  readonly end: string;
  readonly times: 1 | -1;
}

/** What of the table is of the window: units from `from` up to `to`, in seconds since 1970, and the pieces. Null within one unit. */
interface Units {
  readonly from: number;
  readonly to: number;
  readonly edges: readonly Edge[];
}

function unitsOf(part: Part, start: string | undefined, end: string | undefined, unitSeconds: number): Units | null {
  const begin = (text: string): number => Math.floor(Date.parse(text) / 1000 / unitSeconds) * unitSeconds;
  let from = start === undefined ? -Infinity : begin(start);
  let to = end === undefined ? Infinity : begin(end);
  if (from >= to) return null;
  const edges: Edge[] = [];
  const smaller = (wanted: Edge, other: Edge): Edge =>
    millisecondsOf(part, wanted) <= millisecondsOf(part, other) ? wanted : other;
  if (start !== undefined && textOf(from) !== start) {
    const next = textOf(from + unitSeconds);
    const edge = smaller({ start, end: next, times: 1 }, { start: textOf(from), end: start, times: -1 });
    edges.push(edge);
    if (edge.times === 1) from += unitSeconds;
  }
  if (end !== undefined && textOf(to) !== end) {
    const next = textOf(to + unitSeconds);
    const edge = smaller({ start: textOf(to), end, times: 1 }, { start: end, end: next, times: -1 });
    edges.push(edge);
    if (edge.times === -1) to += unitSeconds;
  }
  return { from, to, edges };
}

/** Null where the segment has no counts of minutes, or they do not tell. */
function countByIndexes(sources: Sources, { segment }: Part, filter: Filter, unitSeconds: number): Counts | null {
  if (segment?.state !== 'sealed' || unitSeconds !== 60) return null;
  const database = sources.open(segment);
  if (isOfMinutes(filter))
    return hasMinuteCounts(database) ? new Map(countsOf(database, minuteHitsQuery(filter))) : null;
  const { search, ...others } = filter;
  if (search === undefined || Object.values(others).some((part) => part !== undefined)) return null;
  const minutes = wordMinutes(sources, segment, database);
  return minutes === null ? null : countByWords(database, minutes, search.query);
}

function wordMinutes({ answers }: Sources, { firstId }: Segment, database: Sqlite): WordMinutes | null {
  const question = 'minutes of its rows';
  const known = answers.get<WordMinutes>(firstId, question);
  if (known !== undefined) return known;
  const found = wordMinutesOf(database, firstId);
  if (found !== null) answers.put(firstId, question, found, found.minutes.byteLength);
  return found;
}

/** @param pieceOf how small a piece of the part is asked for; `new`: the rows behind the filter's `afterId`. */
function countIn(
  sources: Sources,
  { segment }: Part,
  filter: Filter,
  unitSeconds: number,
  pieceOf: number | 'new' = 1,
): SecondCounts {
  const { openPages } = sources;
  const database = databaseOf(sources, segment);
  const narrowing: Narrowing =
    pieceOf === 'new' ? { candidates: null, pairs: 'of each row' } : narrowingOf(sources, segment, filter, 3 * pieceOf);
  if (unitSeconds === 60 && openPages !== undefined && !isByIndex(narrowing, filter)) {
    const walked = walkedHits(database, () => openPages(segment), filter);
    if (walked !== null) return walked;
  }
  const query = hitsQuery({ filter, stepSeconds: unitSeconds }, { ...narrowing, walksIds: pieceOf === 'new' });
  return countsOf(database, query);
}

function countsOf(database: Sqlite, { sql, values }: Query): SecondCounts {
  return database
    .all<{ prefix: string; count: number }>(sql, values)
    .map(({ prefix, count }) => [Date.parse(prefix.length === 16 ? `${prefix}:00Z` : `${prefix}Z`) / 1000, count]);
}

function textOf(seconds: number): string {
  return timestampOfMs(seconds * 1000);
}
