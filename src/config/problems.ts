/**
 * Says what is wrong with a configuration, for people: where (path, and line in the file), what was expected, what is there, and the nearest
 * right name for a wrong one.
 */
import type { z } from 'zod';
import { nearestName } from '../runtime/nearest.ts';
import { keysOf, kindsAt, pathText, schemaAt, valueAt } from '../runtime/schema-paths.ts';
import { configSchema } from './schema.ts';

export interface ConfigProblem {
  /** `inputs[0].include`. */
  readonly path: string;
  readonly message: string;
  /** Keys and indexes from the root: where to look in the file. */
  readonly keys: readonly PropertyKey[];
}

/** What an entry of these lists is. */
const entryNames: Readonly<Record<string, string>> = { inputs: 'input', transforms: 'transform', sinks: 'sink' };
/** Their values are not shown. */
const secretKeys = /^(?:password|token|secret|value|key)$/;
const maxShownLength = 60;

/** @param schema of the configuration, or of what is written like it. */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
  schema: z.ZodType = configSchema,
): ConfigProblem[] {
  return issues.flatMap((issue): ConfigProblem[] => {
    if (issue.code !== 'unrecognized_keys') {
      return [{ path: pathText(issue.path), keys: issue.path, message: messageOf(issue, value, schema) }];
    }
    return issue.keys.map((key) => {
      const known = keysOf(schemaAt(schema, issue.path, value));
      const near = nearestName(key, known);
      const keys = [...issue.path, key];
      const hint = near === undefined ? `; known here: ${known.join(', ')}` : `; did you mean \`${near}\`?`;
      return { path: pathText(keys), keys, message: `unknown key${hint}` };
    });
  });
}

function messageOf(issue: z.core.$ZodIssue, root: unknown, schema: z.ZodType): string {
  const got = valueAt(root, issue.path);
  const isMissing = got === undefined;
  if (issue.code === 'invalid_union' && issue.path.at(-1) === 'type') {
    const kinds = kindsAt(schema, issue.path.slice(0, -1), root);
    const what = (issue.path.length === 3 ? entryNames[String(issue.path[0])] : undefined) ?? 'type';
    const near = typeof got === 'string' ? nearestName(got, kinds) : undefined;
    const hint = near === undefined ? `expected one of ${kinds.join(', ')}` : `did you mean \`${near}\`?`;
    return `${isMissing ? 'is missing' : `unknown ${what} ${shown(got, issue.path)}`}; ${hint}`;
  }
  const text = expectationOf(issue);
  if (isMissing) return `is missing: ${text}`;
  const near =
    issue.code === 'invalid_value' && typeof got === 'string' ? nearestName(got, issue.values.map(String)) : undefined;
  const isShown = [JSON.stringify(got), `/${String(got)}/`, `\`${String(got)}\``].some((form) => text.includes(form));
  const value = isShown || isLong(got) ? '' : `, got ${shown(got, issue.path)}`;
  return `${text}${value}${near === undefined ? '' : `; did you mean \`${near}\`?`}`;
}

function expectationOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `expected one of ${issue.values.join(', ')}`;
  return issue.message
    .replace(/^(?:Invalid input|Too small|Too big|Invalid string): /, '')
    .replace(/, received.*$/, '')
    .replace(/^expected (?:string|array|number) to have >=1 (?:characters|items)$/, 'must not be empty');
}

/** Lists and groups of options speak for themselves in the file. */
function isLong(got: unknown): boolean {
  return typeof got === 'object' && got !== null && Object.keys(got).length > 0;
}

function shown(got: unknown, path: readonly PropertyKey[]): string {
  if (secretKeys.test(String(path.at(-1)))) return 'a value that is not shown';
  const text = JSON.stringify(got);
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}...` : text;
}
