/** Columns by the names that people write; every other name in a query is a metadata key. */
import { nearestName } from '../runtime/nearest.ts';
import type { Column, Query } from './query.ts';

export const columns: Readonly<Record<string, Column>> = {
  id: 'id',
  timestamp: 'timestamp',
  time: 'timestamp',
  severity: 'severity',
  level: 'severity',
  application: 'application',
  app: 'application',
  version: 'version',
  environment: 'environment',
  env: 'environment',
  source: 'source',
  message: 'message',
  msg: 'message',
};

/** Metadata keys of a query that look like a column's misspelt name, with that name: what to say when nothing was found. */
export function misspeltColumns(query: Query): readonly (readonly [key: string, column: string])[] {
  if (query.kind === 'and' || query.kind === 'or') return query.parts.flatMap(misspeltColumns);
  if (query.kind === 'not') return misspeltColumns(query.part);
  if (query.kind !== 'test' || !('metadata' in query.field)) return [];
  const key = query.field.metadata;
  const column = columnLike(key);
  return column === undefined ? [] : [[key, column]];
}

/** The column whose name a metadata key may be, misspelt. */
export function columnLike(key: string): string | undefined {
  return nearestName(
    key,
    Object.keys(columns).filter((name) => name[0] === key[0]?.toLowerCase()),
  );
}
