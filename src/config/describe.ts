/**
 * Describes the configuration for people, from its schema: the commented example (config/regression.yaml) and the reference
 * (docs/configuration.md). `npm run generate` writes both; a test fails when they are stale.
 */
import { stringify } from 'yaml';
import { z } from 'zod';
import { fixed, live } from './changes.ts';
import { configSchema } from './schema.ts';

/** The part of JSON Schema that zod writes for the configuration. */
interface Described {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number | string;
  readonly maximum?: number | string;
  readonly properties?: Readonly<Record<string, Described>>;
  readonly required?: readonly string[];
  readonly items?: Described;
  readonly oneOf?: readonly Described[];
  readonly anyOf?: readonly Described[];
  readonly additionalProperties?: boolean | Described;
}

const width = 118;

function describedConfig(): Described {
  return z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Described;
}

/** The example is the default configuration in full: each option with its meaning; those without a default as comments. */
export function exampleText(): string {
  const sections = Object.entries(describedConfig().properties ?? {}).map(
    ([key, described]) => `\n${entryText(key, described, described.default, '')}`,
  );
  return `# The default configuration of Regression, every option with its meaning. Keep the keys you change.
# Variables override a file: REGRESSION_SERVER_LISTEN is server.listen. To check one: regression check --config FILE
${sections.join('')}`;
}

function entryText(key: string, described: Described, value: unknown, indent: string): string {
  const note = described.description === undefined ? '' : commented(wrapped(described.description, indent), indent);
  const kinds = kindsOf(described);
  if (kinds.length > 0) return `${note}${indent}${key}:${listText(kinds, value, indent)}`;
  if (value === undefined) return `${note}${indent}# ${key}: (${typeText(described)}; no default)\n`;
  if (described.properties === undefined) return `${note}${indent}${key}: ${inline(value)}\n`;
  const body = optionsText(described, value as object, `${indent}  `);
  // A key with nothing but comments below it would be null.
  const isSet = body.split('\n').some((line) => /^ *[^ #]/.test(line));
  return `${note}${indent}${isSet ? `${key}:` : `# ${key}:`}\n${body}`;
}

function optionsText({ properties = {} }: Described, values: object, indent: string): string {
  return Object.entries(properties)
    .map(([key, child]) => entryText(key, child, (values as Record<string, unknown>)[key] ?? child.default, indent))
    .join('');
}

/** The entries of an open set: those of the default list as they are, the other kinds as comments. */
function listText(kinds: readonly Described[], value: unknown, indent: string): string {
  const given = (value ?? []) as readonly { readonly type: unknown }[];
  const items = kinds.map((kind) => {
    const { type, ...options } = kind.properties ?? {};
    const values = given.find((item) => item.type === type?.const);
    const body = optionsText({ properties: options }, values ?? {}, `${indent}    `);
    const text = `${indent}  - type: ${String(type?.const)}\n${body}`;
    return values === undefined ? commented(text.slice(indent.length, -1).split('\n'), indent) : text;
  });
  return `${given.length === 0 ? ' []' : ''}\n${items.join('')}`;
}

function commented(lines: readonly string[], indent: string): string {
  return lines.map((line) => `${indent}# ${line}\n`).join('');
}

function wrapped(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + word.length + 5 > width) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line];
}

function inline(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, singleQuote: true }).trim();
}

/** The reference: a table for each part, in the order of the file. */
export function referenceText(): string {
  const { properties = {} } = describedConfig();
  const [plain, nested] = partition(Object.entries(properties), ([, child]) => isLeaf(child));
  const sections = nested.map(([key, child]) => section(key, child));
  return `# Configuration

This page is generated from the schema (\`npm run generate\`). The file is YAML; \`regression check --config FILE\` finds every mistake
in it at once. In rising order count: the defaults, the file, variables (by path: \`REGRESSION_SERVER_LISTEN\` is \`server.listen\`), flags.
\`REGRESSION_CONFIG\` names the file; the installed command reads \`/etc/regression/regression.yaml\` without. Sizes and durations carry their unit:
\`16MiB\`, \`500ms\`, \`1d\`. \`\${NAME}\` and \`\${NAME:-default}\` in texts of the file stand for variables of the environment.

A reload (\`regression reload\`, SIGHUP) takes over ${live.map(code).join(', ')}, but for ${fixed.map(code).join(' and ')}. What else has changed counts from the next
start on; the answer names it.

${table(plain, '')}
${sections.join('\n')}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function section(path: string, described: Described): string {
  const kinds = kindsOf(described);
  const head = `## ${path}\n\n${described.description ?? ''}.\n`;
  if (kinds.length === 0) {
    const [leaves, deeper] = partition(Object.entries(described.properties ?? {}), ([, child]) => isLeaf(child));
    const below = deeper.map(([key, child]) => `\n${section(`${path}.${key}`, child)}`);
    return `${head}${leaves.length === 0 ? '' : `\n${table(leaves, `${path}.`)}`}${below.join('')}`;
  }
  const tables = kinds.map((kind) => {
    const { type, ...rest } = kind.properties ?? {};
    return `\n### ${path}: ${String(type?.const)}\n\n${table(Object.entries(rest), '', kind.required)}`;
  });
  const byDefault = described.default === undefined ? '' : `\nDefault: \`${inline(described.default)}\`\n`;
  return `${head}${byDefault}${tables.join('')}`;
}

function table(
  entries: readonly (readonly [string, Described])[],
  prefix: string,
  required: readonly string[] = [],
): string {
  const rows = entries.flatMap(([key, child]): string[] => {
    const isNested = child.properties !== undefined && child.default === undefined;
    const fallback =
      child.default === undefined ? (required.includes(key) ? 'required' : '') : `\`${inline(child.default)}\``;
    const row = `| \`${prefix}${key}\` | ${cell(typeText(child))} | ${cell(fallback)} | ${cell(child.description ?? '')} |\n`;
    if (!isNested) return [row];
    const below = Object.entries(child.properties ?? {}).map(
      ([name, grandchild]) => [`${key}.${name}`, grandchild] as const,
    );
    return [row, ...below.map((entry) => table([entry], prefix).split('\n').slice(2).join('\n'))];
  });
  return `| key | type | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('')}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** What a value is: `size, 1MiB to 4GiB`, `full or normal`, `list of text`. */
function typeText(described: Described): string {
  const { type, title, minimum, maximum, properties, items, additionalProperties } = described;
  if (described.enum !== undefined) return described.enum.map(String).join(', ');
  if (described.const !== undefined) return JSON.stringify(described.const);
  const variants = described.oneOf ?? described.anyOf;
  if (variants !== undefined) return [...new Set(variants.map(typeText))].join(' or ');
  if (items !== undefined) return `list of ${typeText(items)}`;
  if (properties !== undefined) return `keys ${Object.keys(properties).join(', ')}`;
  if (typeof additionalProperties === 'object') return `keys with ${typeText(additionalProperties)}`;
  const name = title ?? (Array.isArray(type) ? type.join(' or ') : typeNames[String(type)]) ?? 'any';
  const isSafeBound = (bound: unknown): boolean =>
    bound !== undefined && Math.abs(Number(bound)) !== Number.MAX_SAFE_INTEGER;
  const bounds =
    isSafeBound(minimum) && isSafeBound(maximum)
      ? `, ${minimum} to ${maximum}`
      : isSafeBound(minimum)
        ? `, from ${minimum}`
        : '';
  return `${name}${bounds}`;
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'integer',
  number: 'number',
  boolean: 'true or false',
};

/** The entries of an open set, told apart by `type`. */
function kindsOf({ items }: Described): readonly Described[] {
  return items?.oneOf?.filter(({ properties }) => properties?.['type']?.const !== undefined) ?? [];
}

function isLeaf(described: Described): boolean {
  return kindsOf(described).length === 0 && (described.properties === undefined || described.default === undefined);
}

function partition<Item>(items: readonly Item[], test: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
