/**
 * Reads the body of Elasticsearch's `_bulk`: an action line and, for `index` and `create`, a document line. A row cannot be changed or
 * taken back, so `update` and `delete` are rejected, each alone; so is a `create` whose `_id` the same body created before.
 *
 * An `index` with the `_id` of another document replaces nothing: both are rows, told apart by what they say. Ids of earlier requests are not
 * looked up, which would take an index over every row ever stored; a body that is sent again is known by its content (see `isIdentified`).
 */
import { parsers } from '../../parsers/registry.ts';
import type { ParserOptions } from '../../parsers/parser.ts';
import { readEntry } from './json-entries.ts';
import { type Posted, type PostedEntry, type ReadEntry, type Rejected, UnreadableBody } from './posted.ts';

export type BulkAction = 'index' | 'create' | 'update' | 'delete';

export interface BulkItem {
  readonly action: BulkAction;
  readonly index: string;
  readonly id: string | null;
}

export interface PostedBulk extends Posted {
  /** One for each action, in order; `rejected[].index` is a place in it. */
  readonly items: readonly BulkItem[];
  /** Places of those that are rejected since their document is there already. */
  readonly conflicts: ReadonlySet<number>;
  /** Every document has an `_id` of its sender's: the same body again is the same documents again. */
  readonly isIdentified: boolean;
}

/**
 * @param defaultIndex of actions that name none: the one in the path.
 * @throws UnreadableBody for a line that is no action, as Elasticsearch refuses the whole body then.
 */
export function readBulk(body: string, defaultIndex: string, options: ParserOptions): PostedBulk {
  const parser = parsers.json.create(options);
  const entries: PostedEntry[] = [];
  const rejected: Rejected[] = [];
  const items: BulkItem[] = [];
  const conflicts = new Set<number>();
  const seen = new Set<string>();
  const lines = body.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]?.trim() ?? '';
    if (line === '') continue;
    const item = readAction(line, at + 1, defaultIndex);
    const place = items.push(item) - 1;
    if (item.action === 'delete') {
      rejected.push({ index: place, reason: 'delete is not possible: rows are never taken back' });
      continue;
    }
    const document = lines[++at]?.trim() ?? '';
    if (item.action === 'update') {
      rejected.push({ index: place, reason: 'update is not possible: rows are never changed' });
      continue;
    }
    const identity = item.id === null ? null : JSON.stringify([item.index, item.id]);
    if (item.action === 'create' && identity !== null && seen.has(identity)) {
      conflicts.add(place);
      rejected.push({ index: place, reason: `[${item.id}]: version conflict, document already exists` });
      continue;
    }
    const entry = document === '' ? 'the document is missing' : readEntry(document, parser);
    if (typeof entry === 'string') {
      rejected.push({ index: place, reason: entry });
      continue;
    }
    if (identity !== null) seen.add(identity);
    entries.push({ index: place, ...withIdentity(entry, item) });
  }
  return { entries, rejected, items, conflicts, isIdentified: items.every(({ id }) => id !== null) };
}

function readAction(line: string, number: number, defaultIndex: string): BulkItem {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = null;
  }
  const [action, parameters] = Object.entries(value ?? {})[0] ?? [];
  if (action !== 'index' && action !== 'create' && action !== 'update' && action !== 'delete') {
    throw new UnreadableBody(`Malformed action/metadata line [${number}], expected index, create, update or delete`);
  }
  const { _index: index, _id: id } = (parameters ?? {}) as { _index?: unknown; _id?: unknown };
  return {
    action,
    index: typeof index === 'string' ? index : defaultIndex,
    id: typeof id === 'string' ? id : typeof id === 'number' ? String(id) : null, // Elasticsearch takes both
  };
}

function withIdentity({ entry, source }: ReadEntry, { index, id }: BulkItem): ReadEntry {
  const identity: [string, string][] = [];
  if (index !== '') identity.push(['_index', index]);
  if (id !== null) identity.push(['_id', id]);
  const metadata = entry.metadata.filter(([type]) => !identity.some(([name]) => name === type));
  return { entry: { ...entry, metadata: [...metadata, ...identity] }, source };
}
