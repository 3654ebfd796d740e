/** Places in a configuration: keys and indexes from the root, and what the schema says of them. */
import { z } from 'zod';

/** `inputs[0].include`. */
export function pathText(keys: readonly PropertyKey[]): string {
  return keys
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );
}

/** The object schema inside defaults and optionals; null when it is another kind of value. */
export function objectOf(schema: z.ZodType): z.ZodObject | null {
  const inner = innermost(schema);
  return inner instanceof z.ZodObject ? inner : null;
}

/** What is inside defaults and optionals. */
export function innermost(schema: z.ZodType): z.ZodType {
  const isWrapped =
    schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional;
  return isWrapped ? innermost(schema.unwrap() as z.ZodType) : schema;
}

/** The schema of what `path` leads to; where `type` chooses among several, that of the value that is there. Null where nothing is known. */
export function schemaAt(root: z.ZodType, path: readonly PropertyKey[], value: unknown): z.ZodType | null {
  let schema: z.ZodType | null = root;
  for (const [index, key] of path.entries()) {
    schema = schema === null ? null : childOf(schema, key);
    schema = schema === null ? null : chosenOf(schema, valueAt(value, path.slice(0, index + 1)));
  }
  return schema;
}

/** The keys that are known there. */
export function keysOf(schema: z.ZodType | null): readonly string[] {
  return Object.keys(schema === null ? {} : (objectOf(schema)?.shape ?? {}));
}

/** The values of `type` among which can be chosen there. */
export function kindsAt(root: z.ZodType, path: readonly PropertyKey[], value: unknown): readonly string[] {
  const parent = path.length === 0 ? root : schemaAt(root, path.slice(0, -1), value);
  const schema = parent === null || path.length === 0 ? parent : childOf(parent, path.at(-1) ?? '');
  return schema === null ? [] : optionsOf(schema).flatMap((option) => typesOf(option));
}

function childOf(schema: z.ZodType, key: PropertyKey): z.ZodType | null {
  const inner = innermost(schema);
  if (inner instanceof z.ZodObject) return (inner.shape[String(key)] as z.ZodType | undefined) ?? null;
  if (inner instanceof z.ZodArray) return inner.element as z.ZodType;
  if (inner instanceof z.ZodRecord) return inner.valueType as z.ZodType;
  return null;
}

function chosenOf(schema: z.ZodType, value: unknown): z.ZodType {
  const type = valueAt(value, ['type']);
  return optionsOf(schema).find((option) => typesOf(option).includes(String(type))) ?? schema;
}

function optionsOf(schema: z.ZodType): readonly z.ZodType[] {
  const inner = innermost(schema);
  return inner instanceof z.ZodDiscriminatedUnion ? (inner.options as unknown as readonly z.ZodType[]) : [];
}

function typesOf(option: z.ZodType): readonly string[] {
  const type = objectOf(option)?.shape['type'];
  return type instanceof z.ZodLiteral ? [...type.values].map(String) : [];
}
