/** Answers questions about patterns from their roll-ups, which are all in the hot file: no row is counted. */
import type { Severity } from '../../record/severity.ts';
import type {
  PatternCell,
  PatternExtent,
  PatternHistory,
  PatternHistoryRequest,
  PatternRow,
  Release,
  ReleaseSlot,
  ReleaseValue,
} from '../patterns.ts';
import { type Pending, type PendingCount, readPending } from './pending-patterns.ts';
import type { Sqlite } from './sqlite.ts';

/** More cells than this are not answered in full: the newest ones are left. */
const maxCells = 300_000;
const maxValueRows = 200_000;

const matchingReleases = `
  SELECT id FROM applications
  WHERE name = ifnull(?1, name) AND ifnull(version, '') = ifnull(?2, ifnull(version, ''))
    AND ifnull(environment, '') = ifnull(?3, ifnull(environment, ''))`;

/** One for each request, in their order. */
export function patternHistories(database: Sqlite, requests: readonly PatternHistoryRequest[]): PatternHistory[] {
  if (requests.length === 0) return [];
  const counts = countsBetween(database, requests);
  const pending = readPending(database);
  const known = storedPatterns(database);
  return requests.map((request) => historyOf(database, request, { counts, pending, known }));
}

interface Stored {
  readonly counts: StoredCounts;
  readonly pending: Pending;
  readonly known: readonly StoredRow[];
}

function historyOf(
  database: Sqlite,
  request: PatternHistoryRequest,
  { counts, pending, known }: Stored,
): PatternHistory {
  const { application = null, version = null, environment = null } = request;
  const release = [application, version, environment];
  const releases = database.all<Release & Record<string, string | number | null>>(
    `SELECT id, name, version, environment FROM applications WHERE id IN (${matchingReleases}) ORDER BY id`,
    release,
  );
  const asked = new Set(releases.map(({ id }) => id));
  const cells = withPending(cellsOf(counts, request, asked), pending.counts, request, asked);
  if (request.only === 'cells') return { patterns: [], releases, cells, values: [], slots: [] };
  const patterns = patternsOf(known, new Set(cells.map(({ pattern }) => pattern)));
  if (request.only === 'counts') return { patterns, releases, cells, values: [], slots: [] };
  const numbers = JSON.stringify(patterns.map(({ number }) => number));
  const ofThese = `pattern IN (SELECT value FROM json_each(?4)) AND application_id IN (${matchingReleases})`;
  const values = columnsOf(
    database,
    ['pattern', 'application_id', 'place', 'value', 'count', 'first_seen'],
    `pattern_values WHERE ${ofThese} ORDER BY pattern, application_id, place, count DESC, value LIMIT ${maxValueRows}`,
    [...release, numbers],
  );
  const shown = new Set(patterns.map(({ number }) => number));
  const slots = database.all<Omit<ReleaseSlot, 'isMany'> & { isMany: number }>(
    `SELECT pattern, application_id AS release, place, is_many AS isMany, minimum, maximum FROM pattern_slots
     WHERE ${ofThese} ORDER BY pattern, application_id, place LIMIT ${maxValueRows}`,
    [...release, numbers],
  );
  return {
    patterns,
    releases,
    cells,
    // A value may stand twice, here and there: who reads adds them up.
    values: [
      ...releaseValues(values),
      ...pending.values.filter((value) => shown.has(value.pattern) && asked.has(value.release)),
    ],
    slots: slots.map(({ isMany, ...slot }) => ({ ...slot, isMany: isMany === 1 })),
  };
}

type Column = readonly (string | number)[];

/** Rows, a list a column: as JSON text they come out of the engine in a fraction of the time. */
function columnsOf(
  database: Sqlite,
  names: readonly string[],
  from: string,
  values: readonly (string | number | null)[],
): readonly Column[] {
  const lists = names.map((name, place) => `json_group_array(${name}) AS list${place}`);
  const sql = `SELECT ${lists.join(', ')} FROM (SELECT ${names.join(', ')} FROM ${from})`;
  const found = database.get<Record<string, string>>(sql, values);
  return names.map((_, place) => JSON.parse(found?.[`list${place}`] ?? '[]') as Column);
}

function releaseValues([patterns = [], ...columns]: readonly Column[]): ReleaseValue[] {
  const [releases, places, values, counts, firstSeen] = columns;
  return patterns.map((pattern, row) => ({
    pattern: Number(pattern),
    release: Number(releases?.[row]),
    place: Number(places?.[row]),
    value: String(values?.[row]),
    count: Number(counts?.[row]),
    firstSeen: String(firstSeen?.[row]),
  }));
}

/** The rows of `pattern_counts`, in the order of minutes. */
interface StoredCounts {
  readonly minutes: readonly number[];
  readonly patterns: readonly number[];
  readonly releases: readonly number[];
  readonly severities: readonly Severity[];
  readonly counts: readonly number[];
  readonly exemplarIds: readonly number[];
}

/** All that the requests ask for, once: to group them by their buckets is less work here than in the engine, which sorts them each time. */
function countsBetween(database: Sqlite, requests: readonly PatternHistoryRequest[]): StoredCounts {
  const fromMinute = Math.min(...requests.map((request) => request.fromMinute));
  const toMinute = Math.max(...requests.map((request) => request.toMinute));
  const [minutes, patterns, releases, severities, counts, exemplarIds] = columnsOf(
    database,
    ['minute', 'pattern', 'application_id', 'severity', 'count', 'exemplar_id'],
    'pattern_counts WHERE minute >= ?1 AND minute < ?2 ORDER BY minute',
    [fromMinute, toMinute],
  ) as readonly unknown[] as readonly [number[], number[], number[], Severity[], number[], number[]];
  return { minutes, patterns, releases, severities, counts, exemplarIds };
}

/** Added up by bucket, the newest first. */
function cellsOf(
  stored: StoredCounts,
  { fromMinute, toMinute, stepMinutes }: PatternHistoryRequest,
  asked: ReadonlySet<number>,
): PatternCell[] {
  const releasesEnd = Math.max(0, ...asked) + 1;
  const buckets: Mutable<PatternCell>[][] = [];
  /** Of the last bucket, by pattern and release. */
  let bySeverity = new Map<Severity, Map<number, Mutable<PatternCell>>>();
  let lastBucket = -1;
  for (const [row, minute] of stored.minutes.entries()) {
    const release = stored.releases[row] ?? 0;
    if (minute < fromMinute || minute >= toMinute || !asked.has(release)) continue;
    const bucket = Math.floor((minute - fromMinute) / stepMinutes);
    if (bucket !== lastBucket) {
      bySeverity = new Map();
      buckets.push([]);
      lastBucket = bucket;
    }
    const [severity = 'INFO', pattern = 0] = [stored.severities[row], stored.patterns[row]];
    const [count = 0, exemplarId = 0] = [stored.counts[row], stored.exemplarIds[row]];
    let ofSeverity = bySeverity.get(severity);
    if (ofSeverity === undefined) bySeverity.set(severity, (ofSeverity = new Map()));
    const known = ofSeverity.get(pattern * releasesEnd + release);
    if (known === undefined) {
      const cell = { pattern, release, severity, bucket, count, firstMinute: minute, lastMinute: minute, exemplarId };
      ofSeverity.set(pattern * releasesEnd + release, cell);
      buckets.at(-1)?.push(cell);
    } else {
      known.count += count;
      known.lastMinute = minute;
      if (exemplarId > known.exemplarId) known.exemplarId = exemplarId;
    }
  }
  return buckets
    .toReversed()
    .flatMap((cells) => cells.sort(inOrderOfCells))
    .slice(0, maxCells);
}

type Mutable<Value> = { -readonly [Key in keyof Value]: Value[Key] };

function inOrderOfCells(a: PatternCell, b: PatternCell): number {
  return (
    b.bucket - a.bucket ||
    a.pattern - b.pattern ||
    a.release - b.release ||
    (a.severity < b.severity ? -1 : a.severity > b.severity ? 1 : 0)
  );
}

/** By the table's key, which begins with the minute, it takes a look at either end. */
export function patternExtent(database: Sqlite, request: PatternHistoryRequest): PatternExtent | null {
  const { fromMinute, toMinute, application = null, version = null, environment = null } = request;
  const release = [application, version, environment];
  const minuteAt = (order: 'ASC' | 'DESC'): number | undefined =>
    database.get<{ minute: number }>(
      `SELECT minute FROM pattern_counts
       WHERE minute >= ?4 AND minute < ?5 AND application_id IN (${matchingReleases}) ORDER BY minute ${order} LIMIT 1`,
      [...release, fromMinute, toMinute],
    )?.minute;
  const releases = new Set(database.all<{ id: number }>(matchingReleases, release).map(({ id }) => id));
  const pending = readPending(database)
    .counts.filter(({ minute }) => minute >= fromMinute && minute < toMinute)
    .filter((count) => releases.has(count.release));
  const first = pending.reduce((least, { minute }) => Math.min(least, minute), minuteAt('ASC') ?? Infinity);
  const last = pending.reduce((most, { minute }) => Math.max(most, minute), minuteAt('DESC') ?? -Infinity);
  return first > last ? null : { first, last };
}

/** What is asked for of the counts that are not folded yet, added to those that are; newest bucket first, as the query has them. */
function withPending(
  cells: readonly PatternCell[],
  pending: readonly PendingCount[],
  { fromMinute, toMinute, stepMinutes }: PatternHistoryRequest,
  releases: ReadonlySet<number>,
): PatternCell[] {
  const wanted = pending.filter(
    ({ minute, release }) => minute >= fromMinute && minute < toMinute && releases.has(release),
  );
  if (wanted.length === 0) return [...cells];
  const keyOf = (cell: Pick<PatternCell, 'pattern' | 'release' | 'severity' | 'bucket'>): string =>
    `${cell.pattern} ${cell.release} ${cell.severity} ${cell.bucket}`;
  const byKey = new Map(cells.map((cell) => [keyOf(cell), cell]));
  for (const { pattern, release, severity, minute, count, exemplarId } of wanted) {
    const bucket = Math.floor((minute - fromMinute) / stepMinutes);
    const cell = { pattern, release, severity, bucket, count, firstMinute: minute, lastMinute: minute, exemplarId };
    const known = byKey.get(keyOf(cell));
    byKey.set(
      keyOf(cell),
      known === undefined
        ? cell
        : {
            ...known,
            count: known.count + count,
            firstMinute: Math.min(known.firstMinute, minute),
            lastMinute: Math.max(known.lastMinute, minute),
            exemplarId: Math.max(known.exemplarId, exemplarId),
          },
    );
  }
  return [...byKey.values()].sort(inOrderOfCells);
}

type StoredRow = Omit<PatternRow, 'learned'> & { readonly learned: string };

function storedPatterns(database: Sqlite): readonly StoredRow[] {
  return database.all<StoredRow & Record<string, string | number | null>>(
    `SELECT number, application, source, id, template, learned, merged_into AS mergedInto, first_seen AS firstSeen, exemplar
     FROM patterns ORDER BY number`,
  );
}

/** Those with these numbers, what they were merged into, and what their applications have learned. */
function patternsOf(rows: readonly StoredRow[], numbers: ReadonlySet<number>): PatternRow[] {
  const byNumber = new Map(rows.map((row) => [row.number, row]));
  const wanted = new Set<StoredRow>();
  for (const row of rows) {
    if (!numbers.has(row.number)) continue;
    let next: StoredRow | undefined = row;
    while (next !== undefined && !wanted.has(next)) {
      wanted.add(next);
      next = next.mergedInto === null ? undefined : byNumber.get(next.mergedInto);
    }
  }
  // What another source has learned to be variable counts for these too (src/pattern/survivors.ts).
  const applications = new Set([...wanted].map(({ application }) => application));
  for (const row of rows) {
    if (row.learned !== '[]' && row.mergedInto === null && applications.has(row.application)) wanted.add(row);
  }
  const firstSeenOf = firstSeenOver(rows, byNumber);
  return rows
    .filter((row) => wanted.has(row))
    .map((row) => ({ ...row, firstSeen: firstSeenOf(row), learned: JSON.parse(row.learned) as number[] }));
}

/**
 * When a pattern was first seen: by whichever source, and as whichever of its aliases. A file of a new name (one a day, one a release)
 * learns the same patterns anew, and what has been said for a year is no news for being said there.
 */
function firstSeenOver(
  rows: readonly StoredRow[],
  byNumber: ReadonlyMap<number, StoredRow>,
): (row: StoredRow) => string {
  const earliest = new Map<string, string>();
  const keyOf = ({ application, id }: StoredRow): string => `${application}\0${id}`;
  for (const row of rows) {
    let next: StoredRow | undefined = row;
    // A chain cannot be longer than there are patterns; the bound is for a table that somebody edited.
    for (let steps = 0; next !== undefined && steps < rows.length; steps++) {
      const known = earliest.get(keyOf(next));
      if (known === undefined || row.firstSeen < known) earliest.set(keyOf(next), row.firstSeen);
      next = next.mergedInto === null ? undefined : byNumber.get(next.mergedInto);
    }
  }
  return (row) => earliest.get(keyOf(row)) ?? row.firstSeen;
}
