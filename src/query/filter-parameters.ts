/**
 * Makes a `Filter` of the parameters that every asking route and the command line take.
 */
import type { Severity } from '../record/severity.ts';
import { RegressionError } from '../runtime/errors.ts';
import { nearestName } from '../runtime/nearest.ts';
import type { Filter } from '../search/request.ts';
import { type PatternResolver, parseQuery } from '../search/parse-query.ts';
import type { SearchText } from '../search/query.ts';
import { readTime } from '../search/time.ts';

export interface FilterParameters {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly severity?: string | undefined;
  readonly application?: string | undefined;
  readonly version?: string | undefined;
  readonly environment?: string | undefined;
  readonly source?: string | undefined;
  /** A pattern's id. */
  readonly pattern?: string | undefined;
  readonly q?: string | undefined;
  readonly after_id?: number | undefined;
}

/**
 * @param metadata pairs of `meta.<key>=` parameters.
 * @throws RegressionError `QUERY_INVALID` naming the parameter.
 */
export function filterOf(
  parameters: FilterParameters,
  metadata: readonly (readonly [string, string])[],
  nowMs: number,
  patternOf: PatternResolver = () => null,
): Filter {
  const { application, version, environment, source } = parameters;
  const start = parameters.start === undefined ? undefined : readTime(parameters.start, 'start', nowMs);
  const end = parameters.end === undefined ? undefined : readTime(parameters.end, 'end', nowMs);
  if (start !== undefined && end !== undefined && end < start) {
    throw new RegressionError('QUERY_INVALID', `end: ${end} is before start ${start}`, { hint: 'Swap start and end.' });
  }
  return {
    start,
    end,
    minSeverity: parameters.severity?.toUpperCase() as Severity | undefined,
    application,
    version,
    environment,
    source,
    metadata: metadata.length === 0 ? undefined : metadata,
    search: searchOf(parameters, nowMs, patternOf),
    afterId: parameters.after_id,
  };
}

/** A text without terms asks for nothing. */
function searchOf({ q, pattern }: FilterParameters, nowMs: number, patternOf: PatternResolver): SearchText | undefined {
  const texts = [...(pattern === undefined ? [] : [`pattern:${pattern}`]), ...(q === undefined ? [] : [q])];
  const parts = texts.map((text) => parseQuery(text, nowMs, patternOf)).filter((query) => query !== null);
  const [first] = parts;
  if (first === undefined) return undefined;
  return { text: texts.join(' '), query: parts.length === 1 ? first : { kind: 'and', parts } };
}

/**
 * A hook before the schema's own check: names that the route does not have, and values given twice.
 * @throws RegressionError `QUERY_INVALID` with the nearest right name.
 */
export function checkNames(known: readonly string[]) {
  return async ({ query }: { readonly query: unknown }): Promise<void> => {
    for (const [name, value] of Object.entries(query as Record<string, unknown>)) {
      if (isMetadata(name)) continue;
      if (!known.includes(name)) {
        const near = nearestName(name, known);
        throw new RegressionError('QUERY_INVALID', `${name}: unknown parameter`, {
          hint: near === undefined ? `Known: ${known.join(', ')}, meta.<key>.` : `Did you mean ${near}?`,
        });
      }
      if (Array.isArray(value)) {
        throw new RegressionError('QUERY_INVALID', `${name}: given ${value.length} times`, { hint: 'Give it once.' });
      }
    }
  };
}

/** The `meta.<key>` parameters of a query string; one key may be given several times. */
export function metadataOf(query: Readonly<Record<string, unknown>>): [key: string, value: string][] {
  return Object.entries(query)
    .filter(([name]) => isMetadata(name))
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name.slice(5), String(one)]),
    );
}

function isMetadata(name: string): boolean {
  return name.startsWith('meta.') && name.length > 5;
}
