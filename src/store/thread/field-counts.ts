/**
 * Counts the values of fields among the newest rows of a filter: what facets are made of.
 */
import type { FieldCounts, FieldCountsRequest, FieldValues } from '../../search/request.ts';
import { type Segment, mayMatch, uncutBy } from '../segments.ts';
import type { Sources } from './queries.ts';
import { newestRowsQuery } from './search-to-sql.ts';
import type { Sqlite } from './sqlite.ts';

/** Columns that may be counted: expressions over the rows' query. */
const columns: Readonly<Record<string, string>> = {
  severity: 'log.severity',
  source: 'log.source',
  application: 'application.name',
  version: 'application.version',
  environment: 'application.environment',
};

interface Count {
  readonly value: string;
  readonly hits: number;
}

/**
 * The hot file first, then the segments from the newest on, until `maxRows` rows have been looked at: where files overlap in time,
 * the newest are meant file by file.
 */
export function countFields(sources: Sources, request: FieldCountsRequest): FieldCounts {
  const segments = sources.segments
    .filter((segment) => mayMatch(segment, request.filter))
    .sort((a, b) => (a.maxTimestamp > b.maxTimestamp ? -1 : 1));
  const hits = new Map<string, Map<string, number>>();
  let rows = 0;
  let truncated = false;
  for (const source of [null, ...segments]) {
    const maxRows = request.maxRows - rows;
    // What is rare in one file may be frequent in all: only the sum is cut to the limit.
    const asked = { ...request, maxRows, limit: request.maxRows };
    const counted = source === null ? countIn(sources.hot, asked) : countInSegment(sources, source, asked);
    rows += counted.rows;
    for (const { field, values } of counted.fields) {
      const ofField = hits.get(field) ?? new Map<string, number>();
      hits.set(field, ofField);
      for (const { value, hits: count } of values) ofField.set(value, (ofField.get(value) ?? 0) + count);
    }
    truncated = counted.truncated;
    if (truncated) break;
  }
  const fields = [...hits].map(([field, values]) => ({ field, values: mostFrequent(values, request.limit) }));
  return { rows, truncated, fields };
}

function countInSegment(sources: Sources, segment: Segment, request: FieldCountsRequest): FieldCounts {
  const whole = uncutBy(segment, request.filter);
  if (whole === null) return countIn(sources.open(segment), request);
  // A bound beyond its rows is none: it depends on how many rows the newer files have, and they grow.
  const maxRows = Math.min(request.maxRows, segment.lastId - segment.firstId + 1);
  const question = `fields ${maxRows} ${JSON.stringify([request.fields, whole])}`;
  const known = sources.answers.get<FieldCounts>(segment.firstId, question);
  if (known !== undefined) return known;
  const counted = countIn(sources.open(segment), { ...request, maxRows, limit: maxRows });
  sources.answers.put(segment.firstId, question, counted, JSON.stringify(counted).length * 2);
  return counted;
}

function mostFrequent(values: ReadonlyMap<string, number>, limit: number): Count[] {
  return [...values]
    .map(([value, hits]) => ({ value, hits }))
    .sort((a, b) => b.hits - a.hits || (a.value < b.value ? -1 : 1))
    .slice(0, limit);
}

function countIn(database: Sqlite, { filter, fields, limit, maxRows }: FieldCountsRequest): FieldCounts {
  const rowsQuery = newestRowsQuery(filter, maxRows, ['log.severity AS severity', 'log.source AS source']);
  const pairs = 'CROSS JOIN logs_metadata pair ON pair.id BETWEEN log.id * 1024 AND log.id * 1024 + 1023';
  const counted = (value: string, from: string, where: string, ...values: string[]): Count[] =>
    database.all<Count>(
      `SELECT ${value} AS value, count(*) AS hits FROM (${rowsQuery.sql}) log ${from}
       WHERE ${where} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?`,
      [...rowsQuery.values, ...values, limit],
    );
  const valuesOf = (field: string): FieldValues => {
    const column = Object.hasOwn(columns, field) ? columns[field] : undefined;
    if (column === undefined) {
      const key = field.replace(/^meta\./, '');
      return { field, values: counted('pair.metadata_value', pairs, 'pair.metadata_type = ?', key) };
    }
    const applications = column.startsWith('application.')
      ? 'CROSS JOIN applications application ON application.id = log.application_id'
      : '';
    return { field, values: counted(column, applications, `${column} IS NOT NULL`) };
  };
  const rows =
    database.get<{ count: number }>(`SELECT count(*) AS count FROM (${rowsQuery.sql})`, [
      ...rowsQuery.values.slice(0, -1),
      maxRows + 1,
    ])?.count ?? 0;
  const answer = { rows: Math.min(rows, maxRows), truncated: rows > maxRows };
  if (fields === 'names')
    return { ...answer, fields: [{ field: 'names', values: counted('pair.metadata_type', pairs, '1') }] };
  if (fields !== 'all') return { ...answer, fields: fields.map(valuesOf) };
  return { ...answer, fields: [...Object.keys(columns).map(valuesOf), ...allMetadata()] };

  /** The most frequent values of every key, in one walk over the rows. */
  function allMetadata(): FieldValues[] {
    const found = database.all<Count & { type: string }>(
      `SELECT type, value, hits FROM (
         SELECT pair.metadata_type AS type, pair.metadata_value AS value, count(*) AS hits,
           row_number() OVER (PARTITION BY pair.metadata_type ORDER BY count(*) DESC, pair.metadata_value) AS place
         FROM (${rowsQuery.sql}) log ${pairs} GROUP BY 1, 2)
       WHERE place <= ? ORDER BY type, place`,
      [...rowsQuery.values, limit],
    );
    const byType = new Map<string, Count[]>();
    for (const { type, value, hits } of found) byType.set(type, [...(byType.get(type) ?? []), { value, hits }]);
    return [...byType].map(([type, values]) => ({ field: `meta.${type}`, values }));
  }
}
