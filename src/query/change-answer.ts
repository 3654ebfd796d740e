/** A change as it is answered: its numbers, and where to look at the rows it was found from. */
import type { Change, SideCount } from '../pattern/change.ts';
import { readTime } from '../search/time.ts';
import type { Span } from './pattern-questions.ts';
import type { ChangeAnswer } from './pattern-schemas.ts';

/** @param sides as they were asked for; times that are told from now are said as they were at `nowMs`. */
export function changeAnswer(
  { baseline, target, exemplarId, ...change }: Change,
  sides: { readonly baseline: Span; readonly target: Span },
  nowMs: number,
): ChangeAnswer {
  const { id, application } = change;
  return {
    ...change,
    baseline: sideAnswer(change, baseline, sides.baseline, nowMs),
    target: sideAnswer(change, target, sides.target, nowMs),
    exemplar_id: exemplarId,
    rows: rowsPath({ pattern: id, application }),
    context: `/api/v1/logs/${exemplarId}/context`,
  };
}

function sideAnswer(
  { id, application }: Pick<Change, 'id' | 'application'>,
  { count, perMinute, share, exemplarId }: SideCount,
  { version, environment, ...times }: Span,
  nowMs: number,
): ChangeAnswer['baseline'] {
  const timeOf = (name: 'start' | 'end') =>
    times[name] === undefined ? undefined : readTime(times[name], name, nowMs);
  const asked = { pattern: id, application, version, environment, start: timeOf('start'), end: timeOf('end') };
  return {
    count,
    per_minute: perMinute,
    share,
    exemplar_id: exemplarId,
    rows: count === 0 ? null : rowsPath(asked),
  };
}

function rowsPath(asked: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) if (value !== undefined) query.append(name, value);
  return `/api/v1/logs?${query.toString()}`;
}
