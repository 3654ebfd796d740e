/**
 * Turns a search request into one SELECT over the four tables. Values travel as parameters, never in the text.
 */
import { severitiesFrom } from '../../record/severity.ts';
import type { Filter, HitsRequest, RowPlace, SearchRequest } from '../../search/request.ts';
import { queryCondition, requiredPairs } from './query-to-sql.ts';
import type { SqlValue } from './sqlite.ts';
import type { TextCandidates } from './text-index.ts';

export interface Query {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** How few rows of the file are looked at (narrowing.ts). */
export interface Narrowing {
  /** All rows of the answer are among them; null where any row may be. */
  readonly candidates: TextCandidates | null;
  /** Where a metadata pair is looked for: among all pairs of the file, or at those of each row that is met. */
  readonly pairs: 'of the file' | 'of each row';
}

const ascending = 'log.timestamp, log.id';
const descending = 'log.timestamp DESC, log.id DESC';

const unnarrowed: Narrowing = { candidates: null, pairs: 'of each row' };

/**
 * One column, `lines`: the JSON texts of at most `limit` rows, separated by newlines, which JSON text never holds; null for none. As one
 * value they leave the engine in two thirds of the time that they take as rows.
 */
export function pageQuery({ filter, order, limit, after }: SearchRequest, narrowing: Narrowing = unnarrowed): Query {
  const conditions = conditionsOf(filter, narrowing);
  if (after !== undefined && order === 'arrival') conditions.add('log.id > ?', after.id);
  else if (after !== undefined) conditions.addAfter(order, after);
  const sorted = { asc: ascending, desc: descending, arrival: 'log.id' }[order];
  // Pages in the order of arrival walk the table itself.
  const index = order === 'arrival' ? 'NOT INDEXED' : timeOrderIndex(filter, narrowing);
  const sql = `
    SELECT group_concat(row, char(10)) AS lines FROM (SELECT json_object(
      'id', log.id, 'timestamp', log.timestamp, 'severity', log.severity, 'application', application.name,
      'version', application.version, 'environment', application.environment, 'source', log.source,
      'message', log.message,
      'metadata', json((SELECT json_group_object(metadata_type, metadata_value) FROM logs_metadata NOT INDEXED
                        WHERE id BETWEEN log.id * 1024 AND log.id * 1024 + 1023))) AS row
    FROM logs log ${index} CROSS JOIN applications application ON application.id = log.application_id
    ${conditions.where()}
    ORDER BY ${sorted} LIMIT ?)`;
  return { sql, values: [...conditions.values, limit] };
}

/** One row: `ids` and `timestamps` of the rows of a page, as JSON arrays in the page's order. Not for the order of arrival. */
export function placesQuery(asked: SearchRequest, narrowing: Narrowing): Query {
  return ofPlaces('json_group_array(id) AS ids, json_group_array(timestamp) AS timestamps', asked, narrowing);
}

/** One row: `ids` of the rows of a page as a JSON array in the page's order, and the `last` one's timestamp. Not for the order of arrival. */
export function idsQuery(asked: SearchRequest): Query {
  const last = asked.order === 'asc' ? 'max' : 'min';
  return ofPlaces(`json_group_array(id) AS ids, ${last}(timestamp) AS last`, asked, unnarrowed);
}

function ofPlaces(columns: string, { filter, order, limit, after }: SearchRequest, narrowing: Narrowing): Query {
  const conditions = conditionsOf(filter, narrowing);
  if (after !== undefined) conditions.addAfter(order, after);
  const sql = `
    SELECT ${columns} FROM (
      SELECT log.id AS id, log.timestamp AS timestamp
      FROM logs log ${timeOrderIndex(filter, narrowing)} ${conditions.needsApplication ? 'CROSS JOIN applications application ON application.id = log.application_id' : ''}
      ${conditions.where()} ORDER BY ${order === 'asc' ? ascending : descending} LIMIT ?)`;
  return { sql, values: [...conditions.values, limit] };
}

/**
 * Columns `prefix` and `count`: rows per second or minute, cut out of the timestamp's text, oldest first.
 * @param walksIds the filter's `afterId` leaves few rows: the table is read from there on.
 */
export function hitsQuery(
  { filter, stepSeconds }: HitsRequest,
  { walksIds, ...narrowing }: Narrowing & { readonly walksIds: boolean },
): Query {
  const conditions = conditionsOf(filter, narrowing);
  const prefix = `substr(log.timestamp, 1, ${stepSeconds % 60 === 0 ? 16 : 19})`;
  const sql = `
    SELECT ${prefix} AS prefix, count(*) AS count
    FROM logs log ${walksIds ? 'NOT INDEXED' : timeOrderIndex(filter, narrowing)} ${conditions.needsApplication ? 'CROSS JOIN applications application ON application.id = log.application_id' : ''}
    ${conditions.where()} GROUP BY 1 ORDER BY 1`;
  return { sql, values: conditions.values };
}

/** The same columns, from the minutes' counts of a sealed segment (minute-counts.ts), for a filter that is of them. */
export function minuteHitsQuery(filter: Filter): Query {
  const conditions = conditionsOf(filter, unnarrowed);
  const sql = `
    SELECT log.timestamp AS prefix, sum(log.count) AS count
    FROM logs_minutes log ${conditions.needsApplication ? 'CROSS JOIN applications application ON application.id = log.application_id' : ''}
    ${conditions.where()} GROUP BY 1 ORDER BY 1`;
  return { sql, values: conditions.values };
}

/** Column `id` of the newest rows that the filter finds. */
export function newestRowsQuery(filter: Filter, maxRows: number, narrowing: Narrowing): Query {
  const conditions = conditionsOf(filter, narrowing);
  const sql = `
    SELECT log.id AS id
    FROM logs log ${timeOrderIndex(filter, narrowing)} ${conditions.needsApplication ? 'CROSS JOIN applications application ON application.id = log.application_id' : ''}
    ${conditions.where()} ORDER BY log.timestamp DESC, log.id DESC LIMIT ?`;
  return { sql, values: [...conditions.values, maxRows] };
}

/**
 * Pages come in time order, so the time index drives, unless a metadata pair or words that are far more selective can. Left to
 * itself the planner would fetch and sort every row of an application to answer with the newest hundred.
 */
function timeOrderIndex(filter: Filter, { candidates, pairs }: Narrowing): string {
  if (candidates !== null) return 'NOT INDEXED'; // they are ids
  return pairs === 'of the file' && requiredPairs(filter).length > 0 ? '' : 'INDEXED BY logs_timestamp';
}

class Conditions {
  readonly values: SqlValue[] = [];
  readonly #terms: string[] = [];
  needsApplication = false;

  add(sql: string, ...values: SqlValue[]): void {
    this.#terms.push(sql);
    this.values.push(...values);
  }

  addApplication(sql: string, value: string): void {
    this.needsApplication = true;
    this.add(sql, value);
  }

  /** A row value comparison is an index range: (timestamp, rowid) is the order of the index logs_timestamp. */
  addAfter(order: SearchRequest['order'], { timestamp, id }: RowPlace): void {
    this.add(`(log.timestamp, log.id) ${order === 'asc' ? '>' : '<'} (?, ?)`, timestamp, id);
  }

  where(): string {
    return this.#terms.length === 0 ? '' : `WHERE ${this.#terms.join(' AND ')}`;
  }
}

function conditionsOf(filter: Filter, { candidates, pairs }: Narrowing): Conditions {
  const looksUpPairs = pairs === 'of the file';
  const conditions = new Conditions();
  if (candidates !== null) conditions.add(candidates.sql, ...candidates.values);
  if (filter.start !== undefined) conditions.add('log.timestamp >= ?', filter.start);
  if (filter.afterId !== undefined) conditions.add('log.id > ?', filter.afterId);
  if (filter.untilId !== undefined) conditions.add('log.id <= ?', filter.untilId);
  if (filter.end !== undefined) conditions.add('log.timestamp < ?', filter.end);
  if (filter.minSeverity !== undefined && filter.minSeverity !== 'TRACE') {
    const wanted = severitiesFrom(filter.minSeverity);
    conditions.add(`log.severity IN (${wanted.map(() => '?').join(', ')})`, ...wanted);
  }
  if (filter.application !== undefined) conditions.addApplication('application.name = ?', filter.application);
  if (filter.version !== undefined) conditions.addApplication('application.version = ?', filter.version);
  if (filter.environment !== undefined) conditions.addApplication('application.environment = ?', filter.environment);
  if (filter.source !== undefined) conditions.add('log.source = ?', filter.source);
  // Those of `q` stand in its own condition too, as pairs of each row.
  for (const [type, value] of looksUpPairs ? requiredPairs(filter) : (filter.metadata ?? [])) {
    conditions.add(
      looksUpPairs
        ? 'log.id IN (SELECT log_id FROM logs_metadata WHERE metadata_type = ? AND metadata_value = ?)'
        : `EXISTS (SELECT 1 FROM logs_metadata pair NOT INDEXED WHERE pair.id BETWEEN log.id * 1024 AND log.id * 1024 + 1023
             AND pair.metadata_type = ? AND pair.metadata_value = ?)`,
      type,
      value,
    );
  }
  if (filter.search !== undefined) {
    const { sql, values, needsApplication } = queryCondition(filter.search.query);
    conditions.add(sql, ...values);
    if (needsApplication) conditions.needsApplication = true;
  }
  return conditions;
}
