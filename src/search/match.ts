/**
 * Holds a row in memory against a filter: live tail and sinks ask here what SQL answers for stored rows.
 */
import { isAtLeast } from '../record/severity.ts';
import { satisfies } from './predicates.ts';
import type { Field, Query } from './query.ts';
import type { Filter, LogRow } from './request.ts';

export function matchesFilter(row: LogRow, filter: Filter): boolean {
  if (filter.start !== undefined && row.timestamp < filter.start) return false;
  if (filter.end !== undefined && row.timestamp >= filter.end) return false;
  if (filter.afterId !== undefined && row.id <= filter.afterId) return false;
  if (filter.untilId !== undefined && row.id > filter.untilId) return false;
  if (filter.minSeverity !== undefined && !isAtLeast(row.severity, filter.minSeverity)) return false;
  if (filter.application !== undefined && row.application !== filter.application) return false;
  if (filter.version !== undefined && row.version !== filter.version) return false;
  if (filter.environment !== undefined && row.environment !== filter.environment) return false;
  if (filter.source !== undefined && row.source !== filter.source) return false;
  for (const [key, value] of filter.metadata ?? []) if (metadataOf(row, key) !== value) return false;
  return filter.search === undefined || matchesQuery(row, filter.search.query);
}

export function matchesQuery(row: LogRow, query: Query): boolean {
  switch (query.kind) {
    case 'and':
      return query.parts.every((part) => matchesQuery(row, part));
    case 'or':
      return query.parts.some((part) => matchesQuery(row, part));
    case 'not':
      return !matchesQuery(row, query.part);
    case 'severity':
      return query.among.includes(row.severity);
    case 'test':
      return satisfies(textOf(row, query.field), query.test);
    default:
      return query satisfies never;
  }
}

function textOf(row: LogRow, field: Field): string | null | undefined {
  if ('metadata' in field) return metadataOf(row, field.metadata);
  return field.column === 'id' ? String(row.id) : row[field.column];
}

/** A key may be named like something every object inherits. */
function metadataOf(row: LogRow, key: string): string | undefined {
  return Object.hasOwn(row.metadata, key) ? row.metadata[key] : undefined;
}
