/**
 * Says what is wrong with a configuration, for people: where (path, and line in the file), what was expected, and the nearest
 * right name for a wrong one.
 */
import { z } from 'zod';
import { nearestName } from '../runtime/nearest.ts';
import { transformSchemas } from '../transforms/registry.ts';
import { configSchema, inputSchemas } from './schema.ts';

export interface ConfigProblem {
  /** `inputs[0].include`. */
  readonly path: string;
  readonly message: string;
  /** Keys and indexes from the root: where to look in the file. */
  readonly keys: readonly PropertyKey[];
}

export function problemsOf(issues: readonly z.core.$ZodIssue[], value: unknown): ConfigProblem[] {
  return issues.flatMap((issue): ConfigProblem[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => {
        const near = nearestName(key, keysAt(issue.path, value));
        const keys = [...issue.path, key];
        return {
          path: pathText(keys),
          keys,
          message: `unknown key${near === undefined ? '' : `; did you mean \`${near}\`?`}`,
        };
      });
    }
    return [{ path: pathText(issue.path), keys: issue.path, message: messageOf(issue, value) }];
  });
}

export function pathText(keys: readonly PropertyKey[]): string {
  return keys
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

function messageOf(issue: z.core.$ZodIssue, root: unknown): string {
  const got = valueAt(root, issue.path);
  const isMissing = got === undefined;
  if (issue.code === 'invalid_union' && issue.path.at(-1) === 'type') {
    const what = issue.path[0] === 'transforms' ? 'transform' : 'input';
    const types = kindSchemas(issue.path[0]).map(({ shape }) => shape.type.value);
    const near = typeof got === 'string' ? nearestName(got, types) : undefined;
    return `${isMissing ? 'is missing' : `unknown ${what} ${JSON.stringify(got)}`}; ${near === undefined ? `expected one of ${types.join(', ')}` : `did you mean \`${near}\`?`}`;
  }
  if (isMissing) return 'is missing';
  if (issue.code === 'invalid_value' && typeof got === 'string') {
    const near = nearestName(got, issue.values.map(String));
    return `expected one of ${issue.values.join(', ')}, got ${JSON.stringify(got)}${near === undefined ? '' : `; did you mean \`${near}\`?`}`;
  }
  const text = issue.message
    .replace(/^Invalid input: /, '')
    .replace(/^Too small: /, '')
    .replace(/^Too big: /, '');
  return issue.code === 'invalid_type' ? `${text.replace(/, received.*$/, '')}, got ${JSON.stringify(got)}` : text;
}

/** The schemas that `type` chooses from in a list of the configuration. */
function kindSchemas(list: PropertyKey | undefined) {
  return list === 'transforms' ? transformSchemas : inputSchemas;
}

/** The keys that are known where `path` leads; those of an input or a transform depend on its type. */
function keysAt(path: readonly PropertyKey[], value: unknown): readonly string[] {
  let schema: z.ZodType = configSchema;
  let at: unknown = value;
  for (const key of path) {
    at = valueAt(at, [key]);
    if (schema === configSchema && (key === 'inputs' || key === 'transforms')) continue;
    if (typeof key === 'number') {
      const type = valueAt(at, ['type']);
      const kind = kindSchemas(path[0]).find(({ shape }) => shape.type.value === type);
      if (kind === undefined) return [];
      schema = kind;
    } else {
      const child = objectOf(schema)?.shape[String(key)] as z.ZodType | undefined;
      if (child === undefined) return [];
      schema = child;
    }
  }
  return Object.keys(objectOf(schema)?.shape ?? {});
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

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );
}
