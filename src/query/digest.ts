/** Gathers what a digest says of a span: its patterns, what is new in it, what changed against the span before, what belongs together. */
import { type Digest, type DigestSection, code, fenced, fitted } from '../pattern/digest.ts';
import type { PatternSummary } from '../pattern/summary.ts';
import { isAtLeast } from '../record/severity.ts';
import type { LogRow } from '../search/request.ts';
import { readTime } from '../search/time.ts';
import type { QueryLimits, Store } from '../store/store.ts';
import { burstOf, entryOf, headOf, histogramOf, rowsOfPattern } from './digest-text.ts';
import { PatternQuestions, type Span, type SpanOfPatterns, ordered } from './pattern-questions.ts';

export const wantedBuckets = 12;
const maxEntries = 200;
type DigestStore = Pick<Store, 'patternHistories' | 'patternExtent' | 'search'>;
/** New errors whose traces are followed. */
const maxTraced = 5;
const traceWindowMs = 10 * 60_000;
/** Keys that name one request over programs, letters only, lower case. */
const traceKeys = new Set(['traceid', 'requestid', 'correlationid', 'xrequestid', 'reqid']);

/** What was logged in a span, told by its roll-ups. */
export async function digestOf(
  store: DigestStore,
  asked: Span,
  budget: number,
  nowMs: number,
  limits: QueryLimits,
): Promise<Digest> {
  const questions = new PatternQuestions(store, () => nowMs);
  const span = await questions.span(asked, wantedBuckets, limits);
  const before = asked.start === undefined ? null : await changesBefore(questions, asked, span, nowMs, limits);
  return digestOfSpan(store, span, before ?? { hasPast: false, changes: [] }, budget, limits);
}

export interface Past {
  /** Whether anything is known from before the span, so that what is not is new. */
  readonly hasPast: boolean;
  /** Entries of what changed against it. */
  readonly changes: readonly string[];
}

export async function digestOfSpan(
  store: Pick<Store, 'search'>,
  span: SpanOfPatterns,
  { hasPast, changes }: Past,
  budget: number,
  limits: QueryLimits,
): Promise<Digest> {
  const isError = ({ severity }: PatternSummary): boolean => isAtLeast(severity, 'ERROR');
  const isNew = ({ firstSeen }: PatternSummary): boolean => firstSeen >= span.since;
  const byCount = ordered(span, 'count', undefined);
  const newErrors = byCount.filter((pattern) => isError(pattern) && isNew(pattern));
  const otherErrors = byCount.filter((pattern) => isError(pattern) && !isNew(pattern));
  const rare = ordered(span, 'rare', undefined).filter((pattern) => pattern.count <= 3 && !isError(pattern));
  const traces = await tracesOf(store, newErrors.slice(0, maxTraced), limits);
  const entry = (pattern: PatternSummary): string => entryOf(pattern, span) + (traces.get(pattern) ?? '');
  const sections: DigestSection[] = [
    { name: 'Over time', entries: [histogramOf(span)] },
    { name: hasPast ? 'New errors' : 'Errors first seen in this span', entries: newErrors.map(entry) },
    { name: 'Errors known before', entries: otherErrors.map(entry) },
    { name: 'Bursts', entries: ordered(span, 'burst', undefined).map((pattern) => burstOf(pattern, span)) },
    { name: 'Changed against the span before', entries: changes },
    { name: 'Rare', entries: rare.slice(0, maxEntries).map(entry) },
    {
      name: 'Most frequent',
      entries: byCount
        .filter((pattern) => !isError(pattern))
        .slice(0, maxEntries)
        .map(entry),
    },
  ];
  return fitted(headOf(span), sections, budget);
}

async function changesBefore(
  questions: PatternQuestions,
  asked: Span,
  span: SpanOfPatterns,
  nowMs: number,
  limits: QueryLimits,
): Promise<Past | null> {
  const startMs = Date.parse(readTime(asked.start ?? 'now', 'start', nowMs));
  const endMs = asked.end === undefined ? nowMs : Date.parse(readTime(asked.end, 'end', nowMs));
  if (endMs <= startMs) return null;
  const past = {
    ...asked,
    start: new Date(Math.max(2 * startMs - endMs, 0)).toISOString(),
    end: new Date(startMs).toISOString(),
  };
  const present = { ...asked, start: new Date(startMs).toISOString() };
  const { changes, baselineCount } = await questions.compare({ baseline: past, target: present }, {}, limits, span);
  const entries = changes.map(
    ({ kind, severity, application, id, template, because }) =>
      `- ${kind.replace('_', ' ')}: ${severity} ${code(application)} ${code(template)}\n  ${code(because)}, ${rowsOfPattern(id)}\n`,
  );
  return { hasPast: baselineCount > 0, changes: entries };
}

/** For each pattern what else was logged for the same request as its exemplar. */
async function tracesOf(
  store: Pick<Store, 'search'>,
  patterns: readonly PatternSummary[],
  limits: QueryLimits,
): Promise<Map<PatternSummary, string>> {
  const traces = new Map<PatternSummary, string>();
  for (const pattern of patterns) {
    const [row] = await rowsOf(
      store,
      { filter: { afterId: pattern.exemplarId - 1 }, order: 'arrival', limit: 1 },
      limits,
    );
    if (row?.id !== pattern.exemplarId) continue; // it has gone to retention
    const pair = Object.entries(row.metadata).find(([key]) =>
      traceKeys.has(
        key
          .toLowerCase()
          .replaceAll(/[^a-z]/g, '')
          .replace(/^(?:context|span|http|meta)/, ''),
      ),
    );
    if (pair === undefined) continue;
    const atMs = Date.parse(row.timestamp);
    const window = {
      start: `${new Date(atMs - traceWindowMs).toISOString().slice(0, 23)}000Z`,
      end: `${new Date(atMs + traceWindowMs).toISOString().slice(0, 23)}000Z`,
    };
    const related = await rowsOf(store, { filter: { ...window, metadata: [pair] }, order: 'asc', limit: 20 }, limits);
    const others = related.filter(({ id }) => id !== row.id);
    if (others.length === 0) continue;
    const lines = others
      .slice(0, 3)
      .map(({ severity, application, message }) => fenced(`${severity} ${application}: ${message}`));
    traces.set(
      pattern,
      `  same request, ${code(pair[0])}=${code(pair[1])}, ${others.length} more records:\n${lines.join('')}`,
    );
  }
  return traces;
}

async function rowsOf(
  store: Pick<Store, 'search'>,
  request: Parameters<Store['search']>[0],
  limits: QueryLimits,
): Promise<LogRow[]> {
  const { ndjson } = await store.search(request, limits);
  return ndjson
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogRow);
}
