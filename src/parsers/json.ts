/**
 * One JSON object a line (RFC 8259), as structured loggers write it. Which key says what: see entry-fields.ts.
 */
import { EntryFields, type Scalar, textOf } from './entry-fields.ts';
import type { ParseResult, Parser, ParserKind, ParserOptions } from './parser.ts';

/** Objects nested deeper than this, and what is in lists, stay JSON text. */
const maxDepth = 16;
/** A longer key is kept with its value as JSON text, in `metadata_rest` as well. */
const maxKeyLength = 256;
/** Fields beyond this many stay together as JSON text in `metadata_rest`. */
const maxFields = 256;

export const json: ParserKind = {
  description: 'one JSON object a line (pino, bunyan, winston, zap, logrus, zerolog, slog, Serilog, ECS and others)',
  likelihood: (text) => (isBraced(text) ? 1 : 0),
  isSingleLine: true,
  create: (options) => new JsonParser(options),
};

/** Looks at the first and the last character only: whether what is between them is JSON is for the parser to say. */
function isBraced(text: string): boolean {
  if (text.charCodeAt(0) === 0x7b && text.charCodeAt(text.length - 1) === 0x7d) return text.length > 1;
  const trimmed = text.trim();
  return trimmed.length > 1 && trimmed.startsWith('{') && trimmed.endsWith('}');
}

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
    if (key.length > maxKeyLength) {
      fields.addMetadata(`${prefix}metadata_rest`, JSON.stringify({ [key]: value }));
      fields.expectRepeats();
    } else if (typeof value === 'object' && value !== null) {
      const name = prefix + key;
      const isNested = depth < maxDepth && !Array.isArray(value) && Object.keys(value).length > 0;
      const instant = isNested ? instantOf(value) : null;
      if (instant !== null) fields.add(name, instant);
      else if (isNested) hasLossyNumber = addFields(fields, value, `${name}.`, depth + 1) || hasLossyNumber;
      else if (key === 'MESSAGE' && isByteArray(value)) fields.add(key, Buffer.from(value).toString('utf8'));
      else if (!addAttributes(fields, name, value)) fields.add(name, JSON.stringify(value));
      // `{"a.b":1,"a":{"b":2}}`: both are kept.
      if (isNested) fields.expectRepeats();
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

/**
 * log4j2's `{"epochSecond":1,"nanoOfSecond":2}`, protobuf's `{"seconds":1,"nanos":2}` (Google Cloud): one instant in two numbers.
 */
function instantOf(value: object): string | null {
  const { epochSecond, nanoOfSecond, seconds = epochSecond, nanos = nanoOfSecond } = value as Record<string, unknown>;
  if (typeof nanos !== 'number' || (typeof seconds !== 'number' && typeof seconds !== 'string')) return null;
  return Object.keys(value).length === 2 ? `${seconds}.${String(nanos).padStart(9, '0')}` : null;
}

/** OTLP/JSON attributes, `[{"key":"a","value":{"stringValue":"b"}}]`: a field each. False: the list is something else. */
function addAttributes(fields: EntryFields, name: string, list: object): boolean {
  if (!Array.isArray(list) || list.length === 0) return false;
  const pairs: [string, string][] = [];
  for (const item of list as unknown[]) {
    const { key, value } = (item ?? {}) as { key?: unknown; value?: unknown };
    if (typeof key !== 'string' || typeof value !== 'object' || value === null) return false;
    const [type = '', inner] = Object.entries(value)[0] ?? [];
    if (!/^(?:string|int|double|bool)Value$/.test(type)) return false;
    pairs.push([`${name}.${key}`, textOf(inner as Scalar)]);
  }
  for (const [key, value] of pairs) fields.add(key, value);
  fields.expectRepeats();
  return true;
}

/** journald exports a message that is not UTF-8 as an array of its bytes (systemd.journal-fields). */
function isByteArray(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255);
}
