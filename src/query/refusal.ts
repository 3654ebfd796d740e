/** What is told of a request that its schema refuses: which parameter, what was expected, what came. */
import type { FastifyError, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { RegressionError } from '../runtime/errors.ts';
import { nearestName } from '../runtime/nearest.ts';
import { innermost, keysOf, pathText, schemaAt, valueAt } from '../runtime/schema-paths.ts';
import { type Problem, problem } from './problem.ts';

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly code: string;
  readonly message: string;
  /** Of `unrecognized_keys`. */
  readonly keys?: readonly string[];
}

interface Refusal {
  readonly detail: string;
  readonly hint: string | undefined;
  readonly parameter: string | undefined;
}

const maxShownLength = 60;
/** Their values are not shown. */
const secrets = new Set<PropertyKey | undefined>(['password', 'token']);

/** Of a request whose `validation` failed. */
export function refusalOf(error: FastifyError, request: FastifyRequest): Problem {
  const part = error.validationContext ?? 'body';
  const given = request[part === 'querystring' ? 'query' : part];
  const schema = request.routeOptions.schema?.[part];
  const [issue] = error.validation ?? [];
  const path = (issue?.instancePath ?? '').split('/').filter((name) => name !== '');
  const { detail, hint, parameter } = refusalOfIssue(
    {
      path: path.map((name) => (/^\d+$/.test(name) ? Number(name) : name)),
      code: issue?.keyword ?? '',
      message: issue?.message ?? error.message,
      keys: issue?.params['keys'] as readonly string[] | undefined,
    },
    schema instanceof z.ZodType ? schema : z.unknown(),
    given,
    part,
  );
  return problem(400, 'QUERY_INVALID', detail, { hint, parameter });
}

/** Refuses as the server would, where that is to be known beforehand. @throws RegressionError `QUERY_INVALID`. */
export function checkRequest(schema: z.ZodType, given: unknown): void {
  const [issue] = schema.safeParse(given).error?.issues ?? [];
  if (issue === undefined) return;
  const { detail, hint } = refusalOfIssue(issue, schema, given, 'body');
  throw new RegressionError('QUERY_INVALID', detail, hint === undefined ? {} : { hint });
}

function refusalOfIssue({ path, code, message, keys }: Issue, root: z.ZodType, given: unknown, part: string): Refusal {
  const at = schemaAt(root, path, given);
  const [parameter] = path.map(String);
  const unknown = code === 'unrecognized_keys' ? keys?.[0] : undefined;
  if (unknown !== undefined) {
    const known = keysOf(at);
    const near = nearestName(unknown, known);
    const hint = near === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean ${near}?`;
    const detail = `${pathText([...path, unknown])}: there is no such parameter`;
    return { detail, hint, parameter: parameter ?? unknown };
  }
  const where = path.length === 0 ? part : pathText(path);
  return {
    detail: `${where}: ${expectationOf(at, message)}, got ${shown(valueAt(given, path), path.at(-1))}`,
    hint: at?.description ?? schemaAt(root, path.slice(0, 1), given)?.description,
    parameter,
  };
}

function expectationOf(schema: z.ZodType | null, message: string): string {
  const inner = schema === null ? null : innermost(schema);
  if (inner instanceof z.ZodNumber) {
    const [min, max] = [inner.minValue, inner.maxValue].map((bound) =>
      bound === null || Math.abs(bound) >= Number.MAX_SAFE_INTEGER ? null : bound,
    );
    const bounds = `${min === null ? '' : ` from ${min}`}${max === null ? '' : ` to ${max}`}`;
    return `expected a ${inner.isInt ? 'whole ' : ''}number${bounds}`;
  }
  if (inner instanceof z.ZodString && /^Too (?:small|big)/.test(message)) {
    const most = inner.maxLength === null ? '' : ` and at most ${inner.maxLength}`;
    return `expected at least ${inner.minLength ?? 0}${most} characters`;
  }
  if (inner instanceof z.ZodEnum) return `expected one of ${inner.options.join(', ')}`;
  const text = message.replace(/^[A-Z][a-z ]+: /, '').replace(/, received.*$/, '');
  return text.startsWith('expected') ? text : `expected ${text}`;
}

function shown(value: unknown, key: PropertyKey | undefined): string {
  if (value === undefined) return 'nothing';
  if (secrets.has(key)) return 'a value that is not shown';
  const text = JSON.stringify(value);
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}...` : text;
}
