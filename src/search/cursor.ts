/**
 * Opaque cursors: where a page ended, bound to the question it belongs to, so that a cursor cannot silently continue another.
 */
import { createHash } from 'node:crypto';
import { RegressionError } from '../runtime/errors.ts';
import type { Filter, Order, RowPlace } from './request.ts';

interface Question {
  readonly filter: Filter;
  readonly order: Order;
}

export function encodeCursor(place: RowPlace, question: Question): string {
  return Buffer.from(JSON.stringify([place.timestamp, place.id, digestOf(question)])).toString('base64url');
}

/** @throws RegressionError `QUERY_INVALID` for text that is no cursor, or one of another question. */
export function decodeCursor(cursor: string, question: Question): RowPlace {
  const parts = readParts(cursor);
  if (parts === null) {
    throw new RegressionError('QUERY_INVALID', 'cursor: not a cursor of this endpoint', {
      hint: 'Use `next` of the page before, unchanged.',
    });
  }
  const [timestamp, id, digest] = parts;
  if (digest !== digestOf(question)) {
    throw new RegressionError('QUERY_INVALID', 'cursor: it belongs to a question with other filters or order', {
      hint: 'Repeat the filters and the order of the first page beside the cursor.',
    });
  }
  return { timestamp, id };
}

function readParts(cursor: string): [timestamp: string, id: number, digest: string] | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (!Array.isArray(parts) || parts.length !== 3) return null;
    const [timestamp, id, digest] = parts as unknown[];
    const isPlace = typeof timestamp === 'string' && timestamp.length === 27 && Number.isSafeInteger(id);
    return isPlace && typeof digest === 'string' ? [timestamp, Number(id), digest] : null;
  } catch {
    return null;
  }
}

/** Which rows are meant, not from when on: a page walk may be continued with the times it began with or without them. */
function digestOf({ filter, order }: Question): string {
  const { application, version, environment, source, minSeverity, metadata, search, afterId } = filter;
  const parts = [order, application, version, environment, source, minSeverity, metadata, search?.text, afterId].map(
    (part) => part ?? null,
  );
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 16);
}
