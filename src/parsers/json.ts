/**
 * One JSON object a line (RFC 8259), as structured loggers write it. Which key says what: see entry-fields.ts.
 */
import { EntryFields, type Scalar } from './entry-fields.ts';
import type { ParseResult, Parser, ParserKind, ParserOptions } from './parser.ts';

/** Objects nested deeper than this, and what is in lists, stay JSON text. */
const maxDepth = 16;
/** Fields beyond this many stay together as JSON text in `metadata_rest`. */
const maxFields = 256;

export const json: ParserKind = {
  description: 'one JSON object a line (pino, bunyan, winston, zap, logrus, zerolog, slog, Serilog, ECS and others)',
  likelihood: (text) => (/^\s*\{\s*(?:"|\})/.test(text) && /\}\s*$/.test(text) ? 1 : 0),
  create: (options) => new JsonParser(options),
};

class JsonParser implements Parser {
  readonly #options: ParserOptions;

  constructor(options: ParserOptions) {
    this.#options = options;
  }

  parse(text: string): ParseResult {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return { ok: false, reason: 'JSON, but not an object' };
      }
      const fields = new EntryFields(this.#options);
      const hasLossyNumber = addFields(fields, value, '', 0);
      if (!hasLossyNumber) return { ok: true, entry: fields.toEntry(text) };
      const exact = new EntryFields(this.#options);
      addFields(exact, parseKeepingNumbers(text) as object, '', 0);
      return { ok: true, entry: exact.toEntry(text) };
    } catch (error) {
      // Also a RangeError for nesting too deep to be written as text again.
      return { ok: false, reason: error instanceof Error ? error.message : 'not JSON' };
    }
  }
}

/** Adds the object's members, nested keys joined by dots. True when a number lost digits on its way through a double. */
function addFields(fields: EntryFields, object: object, prefix: string, depth: number): boolean {
  let hasLossyNumber = false;
  const keys = Object.keys(object);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] ?? '';
    const value = (object as Record<string, unknown>)[key];
    if (fields.count >= maxFields) {
      const rest = Object.fromEntries(
        keys.slice(index).map((name) => [name, (object as Record<string, unknown>)[name]]),
      );
      fields.addMetadata(`${prefix}metadata_rest`, JSON.stringify(rest));
      return hasLossyNumber;
    }
    if (typeof value === 'object' && value !== null) {
      const isNested = depth < maxDepth && !Array.isArray(value) && Object.keys(value).length > 0;
      if (isNested) hasLossyNumber = addFields(fields, value, `${prefix}${key}.`, depth + 1) || hasLossyNumber;
      else if (key === 'MESSAGE' && isByteArray(value)) fields.add(key, Buffer.from(value).toString('utf8'));
      else fields.add(prefix + key, JSON.stringify(value));
    } else {
      if (
        typeof value === 'number' &&
        !Number.isSafeInteger(value) &&
        (Number.isInteger(value) || !Number.isFinite(value))
      ) {
        hasLossyNumber = true;
      }
      fields.add(prefix + key, value as Scalar);
    }
  }
  return hasLossyNumber;
}

/** Integers of more than 15 digits and numbers beyond a double's range keep their source text. */
function parseKeepingNumbers(text: string): unknown {
  const keepSource = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) ? (context?.source ?? value) : value;
  return JSON.parse(text, keepSource);
}

/** journald exports a message that is not UTF-8 as an array of its bytes (systemd.journal-fields). */
function isByteArray(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255);
}
