/**
 * Reads the body of Elasticsearch's `_bulk`: an action line and, for `index` and `create`, a document line. A row cannot be changed or
 * taken back, so `update` and `delete` are rejected, each alone.
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
    const entry = document === '' ? 'the document is missing' : readEntry(document, parser);
    if (typeof entry === 'string') rejected.push({ index: place, reason: entry });
    else entries.push({ index: place, ...(item.index === '' ? entry : withIndex(entry, item.index)) });
  }
  return { entries, rejected, items };
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
    id: typeof id === 'string' ? id : null,
  };
}

function withIndex({ entry, source }: ReadEntry, index: string): ReadEntry {
  return {
    entry: { ...entry, metadata: [...entry.metadata.filter(([type]) => type !== '_index'), ['_index', index]] },
    source,
  };
}
