/**
 * Patterns of rows that are read one after another, as a consumer's batch is: mined anew, since a batch is ids and not minutes, and its
 * consumer's filter may be anything. What the store knows already keeps its ids and the time it was first seen.
 */
import { PatternMiner } from '../pattern/miner.ts';
import { summarize } from '../pattern/summary.ts';
import type { Application, LogRecord } from '../record/log-record.ts';
import type { PatternChanges } from '../record/pattern-changes.ts';
import { countsIn } from '../record/pattern-counts.ts';
import type { LogRow } from '../search/request.ts';
import type { PatternCell, PatternHistory, PatternRow, Release, ReleaseSlot, ReleaseValue } from '../store/patterns.ts';
import { type SpanOfPatterns, bucketsOf, burstsIn, minutesPerHour } from './pattern-questions.ts';

/** New ones, beside those known: what fits nothing then is one pattern, counted. */
const maxNewPatterns = 10_000;

export class MinedRows {
  readonly #miner: PatternMiner;
  readonly #patterns: Map<number, PatternRow>;
  readonly #releases = new Map<string, Release & { readonly application: Application }>();
  /** By the minute: `bucket` is one, since 1970. */
  readonly #cells: PatternCell[] = [];
  readonly #values: ReleaseValue[] = [];
  readonly #slots: ReleaseSlot[] = [];
  readonly #knownSince: string;
  /** Timestamp of the earliest row. */
  #since = '9999';
  #rows = 0;

  /** @param known all that the store knows. */
  constructor(known: PatternHistory) {
    this.#patterns = knownSurvivors(known.patterns);
    this.#knownSince = [...this.#patterns.values()].reduce((a, { firstSeen: b }) => (b < a ? b : a), '9999');
    const lastNumber = known.patterns.reduce((most, { number }) => Math.max(most, number), 0);
    const bound = this.#patterns.size + maxNewPatterns;
    const bounds = { maxPatterns: bound, maxPatternsPerApplication: bound };
    this.#miner = new PatternMiner(bounds, [...this.#patterns.values()], lastNumber);
  }

  get rowCount(): number {
    return this.#rows;
  }

  /** Whether anything is known from before the rows, so that what is not is new. */
  get hasPast(): boolean {
    return this.#knownSince < this.#since;
  }

  /** @param lines rows as JSON, in the order of arrival. */
  add(lines: readonly string[]): void {
    const rows = lines.map((line) => JSON.parse(line) as LogRow);
    const changes = this.#miner.observe(rows.map((row) => this.#recordOf(row)));
    this.#rows += rows.length;
    for (const { timestamp } of rows) if (timestamp < this.#since) this.#since = timestamp;
    if (changes === null) return;
    this.#addPatterns(changes);
    for (const { pattern, severity, minute, count, application, record } of countsIn(changes.counts)) {
      this.#cells.push({
        pattern,
        release: this.#releaseOf(application),
        severity,
        bucket: minute,
        count,
        firstMinute: minute,
        lastMinute: minute,
        exemplarId: rows[record]?.id ?? 0,
      });
    }
    for (const { application, ...value } of changes.values) {
      this.#values.push({ ...value, release: this.#releaseOf(application) });
    }
    for (const { application, ...slot } of changes.slots) {
      this.#slots.push({ ...slot, release: this.#releaseOf(application) });
    }
  }

  span(wantedBuckets: number): SpanOfPatterns {
    const first = this.#cells.reduce((least, { bucket }) => Math.min(least, bucket), Infinity);
    const last = this.#cells.reduce((most, { bucket }) => Math.max(most, bucket), -Infinity);
    const grid = bucketsOf(first, last, wantedBuckets, first);
    const patterns = summarize(this.#history(grid.fromMinute, grid.stepMinutes));
    const firstHour = Math.floor(first / minutesPerHour) * minutesPerHour;
    return {
      patterns,
      releases: [...this.#releases.values()],
      since: this.#since,
      ...grid,
      toMinute: grid.fromMinute + grid.buckets * grid.stepMinutes,
      minutes: last - first + 1,
      bursts: burstsIn(this.#history(firstHour, minutesPerHour), firstHour, { first, last }, patterns),
    };
  }

  #history(fromMinute: number, stepMinutes: number): PatternHistory {
    const bucketOf = (minute: number): number => Math.floor((minute - fromMinute) / stepMinutes);
    return {
      patterns: [...this.#patterns.values()],
      releases: [...this.#releases.values()],
      cells: this.#cells.map((cell) => ({ ...cell, bucket: bucketOf(cell.firstMinute) })),
      values: this.#values,
      slots: this.#slots,
    };
  }

  #addPatterns({ added, merged }: PatternChanges): void {
    for (const pattern of added) this.#patterns.set(pattern.number, { ...pattern, mergedInto: null });
    for (const { number, into } of merged) {
      const [from, target] = [this.#patterns.get(number), this.#patterns.get(into)];
      if (from === undefined || target === undefined) continue;
      this.#patterns.set(number, { ...from, mergedInto: into });
      if (from.firstSeen < target.firstSeen) this.#patterns.set(into, { ...target, firstSeen: from.firstSeen });
    }
  }

  /** Releases are few: rows of one share its object, which the miner compares first. */
  #recordOf({ timestamp, severity, application, version, environment, source, message }: LogRow): LogRecord {
    const key = JSON.stringify([application, version, environment]);
    let release = this.#releases.get(key);
    if (release === undefined) {
      const own = { name: application, version, environment };
      release = { id: this.#releases.size + 1, ...own, application: own };
      this.#releases.set(key, release);
    }
    return { timestamp, severity, application: release.application, source, message, metadata: [] };
  }

  #releaseOf(application: Application): number {
    for (const release of this.#releases.values()) if (release.application === application) return release.id;
    return 0;
  }
}

/** Those that are no aliases; each was first seen when the first of its aliases was. */
function knownSurvivors(rows: readonly PatternRow[]): Map<number, PatternRow> {
  const byNumber = new Map(rows.map((row) => [row.number, row]));
  const survivors = new Map(rows.filter(({ mergedInto }) => mergedInto === null).map((row) => [row.number, row]));
  for (const { mergedInto, firstSeen } of rows) {
    let next = mergedInto;
    for (let steps = 0; next !== null && steps < rows.length; steps++) {
      const survivor = survivors.get(next);
      if (survivor !== undefined && firstSeen < survivor.firstSeen) survivors.set(next, { ...survivor, firstSeen });
      next = byNumber.get(next)?.mergedInto ?? null;
    }
  }
  return survivors;
}
