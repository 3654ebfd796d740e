/**
 * Counts rows per time step, over the hot file and the segments.
 *
 * A dashboard asks the same over and over while its window moves and rows come in. So a part (a segment, the hot file) of which
 * most is asked is counted whole, by minutes, and the table is kept: the next question adds the minutes of its window, counts
 * what lies between its bounds and the next whole minutes, and the rows that have come since.
 */
import { timestampOfMs } from '../../record/timestamp.ts';
import type { Filter, HitsBucket, HitsRequest } from '../../search/request.ts';
import { type Segment, type SegmentRange, mayMatch } from '../segments.ts';
import { rangesOf } from './file-checks.ts';
import type { Sources } from './queries.ts';
import { hitsQuery } from './search-to-sql.ts';
import type { Sqlite } from './sqlite.ts';
import { textCandidatesIn, worthwhile } from './text-index.ts';

/** By the second in which a unit (a minute, or a second) begins, since 1970. */
type Counts = Map<number, number>;

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
  return [...buckets].sort(([a], [b]) => a - b).map(([seconds, count]) => ({ timestamp: textOf(seconds), count }));
}

function hotPart({ hot }: Sources): Part | null {
  const range = rangesOf(hot);
  return range === null ? null : { ...range, segment: null };
}

function addPart(sources: Sources, part: Part, { filter, stepSeconds }: HitsRequest, buckets: Counts): void {
  const unitSeconds = stepSeconds % 60 === 0 ? 60 : 1;
  const add = (counts: Iterable<readonly [seconds: number, count: number]>, from = -Infinity, to = Infinity): void => {
    for (const [seconds, count] of counts) {
      if (seconds < from || seconds >= to) continue;
      const bucket = Math.floor(seconds / stepSeconds) * stepSeconds;
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + count);
    }
  };
  const { start, end, afterId, untilId, ...timeless } = filter;
  const cutsIds =
    (afterId !== undefined && afterId >= part.firstId) || (untilId !== undefined && untilId < part.lastId);
  const [from, to] = wholeUnits(start, end, unitSeconds);
  const table = cutsIds || from >= to ? null : tableOf(sources, part, timeless, { start, end, unitSeconds });
  if (table === null) return add(countIn(sources, part, filter, unitSeconds));

  add(table.counts, from, to);
  const [fromText, toText] = [from === -Infinity ? undefined : textOf(from), to === Infinity ? undefined : textOf(to)];
  for (const edge of [
    { start, end: fromText },
    { start: toText, end },
  ]) {
    const isEmpty = edge.start === undefined || edge.end === undefined || edge.start >= edge.end;
    if (!isEmpty && mayMatch(part, edge)) add(countIn(sources, part, { ...timeless, ...edge }, unitSeconds));
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
  if (known === undefined && shareAsked(part, window) < 0.5 && !comesAgain(sources, part, question)) return null;
  let counts: Counts;
  if (known !== undefined && missing > 0 && missing <= (part.lastId - part.firstId) * maxShareWalked) {
    counts = known.counts; // ours alone: it is put back below
    const fresh = { ...timeless, afterId: known.untilId };
    for (const [seconds, count] of countIn(sources, part, fresh, unitSeconds, true)) {
      counts.set(seconds, (counts.get(seconds) ?? 0) + count);
    }
  } else counts = new Map(countIn(sources, part, timeless, unitSeconds));
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
function shareAsked({ minTimestamp, maxTimestamp }: Part, { start, end }: Window): number {
  const [minMs, maxMs] = [Date.parse(minTimestamp), Date.parse(maxTimestamp)];
  const fromMs = start === undefined ? minMs : Math.max(Date.parse(start), minMs);
  const toMs = end === undefined ? maxMs : Math.min(Date.parse(end), maxMs);
  return maxMs === minMs ? 1 : (toMs - fromMs) / (maxMs - minMs);
}

/** The first whole unit not before `start`, and the begin of the one that `end` cuts: seconds since 1970. */
function wholeUnits(start: string | undefined, end: string | undefined, unitSeconds: number): [number, number] {
  const begin = (text: string): number => Math.floor(Date.parse(text) / 1000 / unitSeconds) * unitSeconds;
  if (start === undefined) return [-Infinity, end === undefined ? Infinity : begin(end)];
  const from = textOf(begin(start)) === start ? begin(start) : begin(start) + unitSeconds;
  return [from, end === undefined ? Infinity : begin(end)];
}

function countIn(
  sources: Sources,
  { segment }: Part,
  filter: Filter,
  unitSeconds: number,
  walksIds = false,
): [seconds: number, count: number][] {
  const database: Sqlite = segment === null ? sources.hot : sources.open(segment);
  const candidates = segment === null ? null : worthwhile(textCandidatesIn(database, segment, filter), segment, 3);
  const { sql, values } = hitsQuery({ filter, stepSeconds: unitSeconds }, { candidates, walksIds });
  return database
    .all<{ prefix: string; count: number }>(sql, values)
    .map(({ prefix, count }) => [Date.parse(prefix.length === 16 ? `${prefix}:00Z` : `${prefix}Z`) / 1000, count]);
}

function textOf(seconds: number): string {
  return timestampOfMs(seconds * 1000);
}
