/** A filter that may name patterns: their ids become what their templates ask for. */
import { survivorsOf } from '../pattern/survivors.ts';
import { catchAllTemplate } from '../pattern/message-words.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { Query } from '../search/query.ts';
import type { Filter } from '../search/request.ts';
import { type PatternRow, noHistory } from '../store/patterns.ts';
import type { QueryLimits } from '../store/store.ts';
import type { QueryContext } from './context.ts';
import { type FilterParameters, filterOf } from './filter-parameters.ts';
import { allTime } from './pattern-questions.ts';

/**
 * As `filterOf`. A pattern that has become part of another means that one; it is what is known when it is asked.
 * @throws RegressionError `QUERY_INVALID` for an id that nobody knows.
 */
export async function filterFrom(
  { store, clock }: Pick<QueryContext, 'store' | 'clock'>,
  parameters: FilterParameters,
  metadata: readonly (readonly [string, string])[],
  limits: QueryLimits,
): Promise<Filter> {
  const nowMs = clock.nowMs();
  let namesOne = false;
  const filter = filterOf(parameters, metadata, nowMs, () => {
    namesOne = true;
    return { kind: 'and', parts: [] };
  });
  if (!namesOne) return filter;
  const { application } = parameters;
  const [{ patterns } = noHistory] = await store.patternHistories([{ ...allTime, application }], limits);
  const survivorOf = survivorsOf(patterns);
  return filterOf(parameters, metadata, nowMs, (id) => {
    const named = patterns.filter((row) => row.id === id);
    return named.length === 0 ? null : queryOf(named.map(({ number }) => survivorOf(number)));
  });
}

/** Messages of the application that fit the template; of any of them where several applications say the same. */
function queryOf(survivors: readonly (PatternRow | undefined)[]): Query {
  const alternatives = new Map<string, Query>();
  for (const row of survivors) {
    if (row === undefined) continue;
    if (row.template === catchAllTemplate) {
      throw new RegressionError(
        'QUERY_INVALID',
        `the pattern ${row.id} is what fits no other: it has no messages of its own`,
        {
          hint: 'Raise patterns.max_per_application to tell them apart.',
        },
      );
    }
    const application: Query = {
      kind: 'test',
      field: { column: 'application' },
      test: { kind: 'is', value: row.application },
    };
    const message: Query = {
      kind: 'test',
      field: { column: 'message' },
      test: { kind: 'fits', template: row.template },
    };
    alternatives.set(`${row.application}\0${row.id}`, { kind: 'and', parts: [application, message] });
  }
  const parts = [...alternatives.values()];
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : { kind: 'or', parts };
}
