/**
 * The API's reference as Markdown, made of the OpenAPI document, which is made of the routes' schemas: docs/api.md says what the
 * code does, or a test fails.
 */
import { type Content, type Operation, type Schema, openApiDocument } from './openapi.ts';
import { bodyProblems, misdirected, namedProblems, problems } from './schemas.ts';

const intro = `# The query endpoint

<!-- Generated from the schemas in src/query by \`npm run generate\`; the same as OpenAPI: GET /openapi.json -->

HTTP on \`server.listen\` (127.0.0.1:8514, or a Unix socket). Every request but \`/health/*\`, \`/metrics\`, \`/openapi.json\` and
\`/api/v1/login\` carries \`Authorization: Bearer TOKEN\`. Errors are \`application/problem+json\` (RFC 9457) with a stable \`code\`, a
\`detail\`, and mostly a \`hint\`: 400 the request is wrong, 401 no valid token, 403 the token may not, 429 too many requests, 503 the
store does not answer now, 504 the deadline passed and the query was ended, 413 and 415 the body is too long or of a type that is not
read, 414 a name in the address is too long, 421 the \`Host\` header names another host; 429 and 503 carry \`Retry-After\`. How to search: [search.md](search.md). Programs that use it, whole:
[examples](examples).
`;

export async function apiText(): Promise<string> {
  const { paths } = await openApiDocument('');
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? 'other'))];
  const sections = tags.map((tag) => {
    const own = operations.filter(({ operation }) => (operation.tags?.[0] ?? 'other') === tag);
    return `\n## ${tag[0]?.toUpperCase()}${tag.slice(1)}\n${own.map(operationText).join('')}`;
  });
  return `${intro}${sections.join('')}`;
}

function operationText({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const { summary, description, parameters = [], requestBody, responses } = operation;
  const inputs = [
    ...parameters.map(({ name, in: place, required, description: what, schema }) => ({
      name: place === 'path' ? `{${name}}` : name,
      schema: what === undefined ? schema : { ...schema, description: what },
      isRequired: required === true,
    })),
    ...fieldsOf(requestBody),
  ];
  const rows = inputs.map(({ name, schema, isRequired }) => {
    const preset = schema.default === undefined ? '' : ` Default: \`${cell(JSON.stringify(schema.default))}\`.`;
    return `| \`${name}\`${isRequired ? ' (required)' : ''} | ${cell(typeText(schema))} | ${cell(schema.description ?? '')}${preset} |\n`;
  });
  const usual = new Set<string | undefined>(
    Object.values({ ...problems, ...bodyProblems, ...misdirected, ...namedProblems }).map(
      (schema) => schema.description,
    ),
  );
  const own = Object.entries(responses).filter(([, { description: what }]) => !usual.has(what));
  const answers = own.map(([status, answer]) => {
    const schema = Object.values(answer.content ?? {})[0]?.schema;
    const shape = schema === undefined || Number(status) >= 400 ? '' : `: ${typeText(schema)}`;
    return `- ${status}: ${answer.description ?? ''}${shape}\n`;
  });
  return [
    `\n### \`${method} ${path}\`\n\n${summary}.${description === undefined ? '' : ` ${description}`}\n`,
    rows.length === 0 ? '' : `\n| parameter | type | meaning |\n| --- | --- | --- |\n${rows.join('')}`,
    `\n${answers.join('')}`,
  ].join('');
}

function fieldsOf(body: Content | undefined) {
  const schema = Object.values(body?.content ?? {})[0]?.schema;
  return Object.entries(schema?.properties ?? {}).map(([name, field]) => ({
    name,
    schema: field,
    isRequired: (schema?.required ?? []).includes(name) && field.default === undefined,
  }));
}

function typeText(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map(String).join(', ');
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(' or ');
  if (Array.isArray(schema.type)) return schema.type.join(' or ');
  if (schema.items !== undefined) return `list of ${typeText(schema.items)}`;
  if (schema.properties !== undefined) return `{ ${Object.keys(schema.properties).join(', ')} }`;
  if (typeof schema.additionalProperties === 'object') return `map of ${typeText(schema.additionalProperties)}`;
  return `${String(schema.type ?? 'any')}${boundsText(schema)}`;
}

/** Bounds that say something: not those of the number type itself. */
function boundsText({ minimum, maximum, maxLength }: Schema): string {
  if (maxLength !== undefined) return `, at most ${maxLength} characters`;
  const least = minimum === undefined || minimum <= -Number.MAX_SAFE_INTEGER ? undefined : minimum;
  const most = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (least !== undefined && most !== undefined) return `, ${least} to ${most}`;
  if (least !== undefined) return `, at least ${least}`;
  return most === undefined ? '' : `, at most ${most}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
