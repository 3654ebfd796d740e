/**
 * Counts the values of fields among the newest rows of a filter: what facets are made of.
 */
import type { FieldCounts, FieldCountsRequest, FieldValues } from '../../search/request.ts';
import { type Segment, mayMatch, uncutBy } from '../segments.ts';
import { narrowingOf } from './narrowing.ts';
import {
  type CountedColumn,
  type Hits,
  type OpenPages,
  countedColumns,
  valuesOf,
  walkColumns,
  walkPairs,
} from './field-walk.ts';
import type { Sources } from './sources.ts';
import { type Narrowing, newestRowsQuery } from './search-to-sql.ts';
import type { Sqlite } from './sqlite.ts';

/** Columns that may be counted: expressions over a row and its application. */
const columns: Readonly<Record<CountedColumn, string>> = {
  severity: 'log.severity',
  source: 'log.source',
  application: 'application.name',
  version: 'application.version',
  environment: 'application.environment',
};

/** Rows whose values are in memory at once. */
const rowsAtOnce = 5000;

interface Counted {
  readonly rows: number;
  readonly truncated: boolean;
  readonly hits: Hits;
}

/**
 * The hot file first, then the segments from the newest on, until `maxRows` rows have been looked at: where files overlap in time,
 * the newest are meant file by file.
 */
export function countFields(sources: Sources, request: FieldCountsRequest): FieldCounts {
  const segments = sources.segments
    .filter((segment) => mayMatch(segment, request.filter))
    .sort((a, b) => (a.maxTimestamp > b.maxTimestamp ? -1 : 1));
  const narrowing = narrowingOf(sources, null, request.filter, 10);
  let { rows, truncated, hits } = countIn(sources.hot, request, narrowing, pagesOf(sources, null));
  for (const segment of segments) {
    if (truncated) break;
    const counted = countInSegment(sources, segment, { ...request, maxRows: request.maxRows - rows });
    rows += counted.rows;
    for (const [field, values] of counted.hits) {
      const ofField = valuesOf(hits, field);
      for (const [value, count] of values) ofField.set(value, (ofField.get(value) ?? 0) + count);
    }
    truncated = counted.truncated;
  }
  const fields = [...hits].map(([field, values]) => ({ field, values: mostFrequent(values, request.limit) }));
  return { rows, truncated, fields: fields.sort(inOrderOfFields) };
}

function countInSegment(sources: Sources, segment: Segment, request: FieldCountsRequest): Counted {
  const whole = uncutBy(segment, request.filter);
  const ask = (maxRows: number): Counted => {
    const database = sources.open(segment);
    const narrowing = narrowingOf(sources, segment, request.filter, 10);
    return countIn(database, { ...request, maxRows }, narrowing, pagesOf(sources, segment));
  };
  if (whole === null) return ask(request.maxRows);
  // A bound beyond its rows is none: it depends on how many rows the newer files have, and they grow.
  const maxRows = Math.min(request.maxRows, segment.lastId - segment.firstId + 1);
  const question = `fields ${maxRows} ${JSON.stringify([request.fields, whole])}`;
  const known = sources.answers.get<Counted>(segment.firstId, question);
  if (known !== undefined) return known;
  const counted = ask(maxRows);
  sources.answers.put(segment.firstId, question, counted, bytesOf(counted.hits));
  return counted;
}

/** Of every field that has a value among the rows, all values: what is rare in one file may be frequent in all. */
function countIn(
  database: Sqlite,
  { filter, fields, maxRows }: FieldCountsRequest,
  narrowing: Narrowing,
  openPages: OpenPages | undefined,
): Counted {
  const { sql, values } = newestRowsQuery(filter, maxRows + 1, narrowing);
  const ids = arrayOf<number>(
    database.get<{ ids: string }>(`SELECT json_group_array(id) AS ids FROM (${sql})`, values)?.ids,
  );
  const truncated = ids.length > maxRows;
  if (truncated) ids.length = maxRows;
  const hits: Hits = new Map();
  const named = Array.isArray(fields) ? (fields as readonly string[]) : [];
  const wantedColumns = fields === 'all' ? countedColumns : named.filter(isColumn);
  const wantedKeys = typeof fields === 'string' ? fields : named.filter((field) => !isColumn(field)).map(keyOf);
  const needsPairs =
    wantedKeys.length > 0 && !(openPages !== undefined && walkPairs(database, openPages, ids, wantedKeys, hits));
  const needsColumns =
    wantedColumns.length > 0 &&
    !(openPages !== undefined && walkColumns(database, openPages, ids, wantedColumns, hits));
  for (let at = 0; at < ids.length && (needsPairs || needsColumns); at += rowsAtOnce) {
    const chunk = JSON.stringify(ids.slice(at, at + rowsAtOnce));
    if (needsColumns) countColumns(database, chunk, wantedColumns, hits);
    if (!needsPairs) continue;
    if (wantedKeys === 'names') countNames(database, chunk, valuesOf(hits, 'names'));
    else countMetadata(database, chunk, wantedKeys, hits);
  }
  return { rows: ids.length, truncated, hits };
}

/** As JSON text: out of the engine it comes many times as fast as rows do, and counting in SQL sorts all pairs. */
function countColumns(database: Sqlite, ids: string, wanted: readonly CountedColumn[], hits: Hits): void {
  const lists = wanted.map((field, index) => `json_group_array(${columns[field]}) AS list${index}`);
  const found = database.get<Record<string, string>>(
    `SELECT ${lists.join(', ')} FROM json_each(?) wanted
     CROSS JOIN logs log ON log.id = wanted.value
     CROSS JOIN applications application ON application.id = log.application_id`,
    [ids],
  );
  for (const [index, field] of wanted.entries()) count(arrayOf(found?.[`list${index}`]), valuesOf(hits, field));
}

function pagesOf({ openPages }: Sources, segment: Segment | null): OpenPages | undefined {
  return openPages === undefined ? undefined : () => openPages(segment);
}

const pairsOfIds = `FROM json_each(?) wanted
  CROSS JOIN logs_metadata pair NOT INDEXED ON pair.id BETWEEN wanted.value * 1024 AND wanted.value * 1024 + 1023`;

function countNames(database: Sqlite, ids: string, names: Map<string, number>): void {
  const sql = `SELECT json_group_array(pair.metadata_type) AS types ${pairsOfIds}`;
  count(arrayOf(database.get<{ types: string }>(sql, [ids])?.types), names);
}

function countMetadata(database: Sqlite, ids: string, wanted: readonly string[] | 'all', hits: Hits): void {
  const condition = wanted === 'all' ? '' : `WHERE pair.metadata_type IN (${wanted.map(() => '?').join(', ')})`;
  const sql = `SELECT json_group_array(pair.metadata_type) AS types, json_group_array(pair.metadata_value) AS texts ${pairsOfIds} ${condition}`;
  const found = database.get<{ types: string; texts: string }>(sql, [ids, ...(wanted === 'all' ? [] : wanted)]);
  const texts = arrayOf<string>(found?.texts);
  const byKey = new Map<string, Map<string, number>>();
  for (const [index, key] of arrayOf<string>(found?.types).entries()) {
    let values = byKey.get(key);
    if (values === undefined) byKey.set(key, (values = valuesOf(hits, `meta.${key}`)));
    const text = texts[index] ?? '';
    values.set(text, (values.get(text) ?? 0) + 1);
  }
}

function count(found: readonly (string | null)[], values: Map<string, number>): void {
  for (const value of found) if (value !== null) values.set(value, (values.get(value) ?? 0) + 1);
}

function arrayOf<Item = string | null>(json: string | undefined): Item[] {
  return JSON.parse(json ?? '[]') as Item[];
}

function isColumn(field: string): field is CountedColumn {
  return Object.hasOwn(columns, field);
}

function keyOf(field: string): string {
  return field.replace(/^meta\./, '');
}

/** Of equals the lesser text comes first. */
function mostFrequent(values: ReadonlyMap<string, number>, limit: number): FieldValues['values'] {
  const found: { readonly value: string; readonly hits: number }[] = [];
  for (const [value, hits] of values) {
    const isBehind = (place: number): boolean => {
      const other = found[place];
      return other !== undefined && (other.hits > hits || (other.hits === hits && other.value < value));
    };
    if (isBehind(limit - 1)) continue; // as most are: values are many, and few are asked for
    let [low, high] = [0, found.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBehind(middle)) low = middle + 1;
      else high = middle;
    }
    found.splice(low, 0, { value, hits });
    if (found.length > limit) found.pop();
  }
  return found;
}

/** Columns as they are listed above, then metadata keys by name. */
function inOrderOfFields({ field: a }: FieldValues, { field: b }: FieldValues): number {
  const names: readonly string[] = countedColumns;
  const place = (field: string): number => (isColumn(field) ? names.indexOf(field) : names.length);
  return place(a) - place(b) || (a < b ? -1 : 1);
}

/** About what they take in memory. */
function bytesOf(hits: Hits): number {
  let bytes = 0;
  for (const values of hits.values()) for (const value of values.keys()) bytes += value.length * 2 + 60;
  return bytes;
}
