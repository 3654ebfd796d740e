/**
 * Reads the configuration: the YAML file with its `${VARIABLES}`, then REGRESSION_* variables by path (REGRESSION_SERVER_LISTEN is `server.listen`), then
 * flags, in rising order. All problems are reported together.
 */
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { RegressionError } from '../runtime/errors.ts';
import { nearestName } from '../runtime/nearest.ts';
import { interpolate } from './interpolate.ts';
import { innermost, objectOf, pathText } from '../runtime/schema-paths.ts';
import { problemsOf } from './problems.ts';
import { type Config, configSchema } from './schema.ts';
import { type YamlText, placeText, readYamlText } from './yaml-text.ts';

export interface ConfigSources {
  readonly configPath?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The file it was read from; null without one. */
  readonly path: string | null;
}

/** @throws RegressionError `CONFIG_INVALID` naming every problem with its place. */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const { env, cwd } = sources;
  const path = sources.configPath ?? env['REGRESSION_CONFIG'];
  const file = path === undefined ? null : await readYaml(resolve(cwd, path));
  const { value: read, unset } = interpolate(file?.value ?? {}, env);
  const value = read as Record<string, unknown>;
  const places = new Map<string, string>();
  const variables = variablesOf(env);
  for (const { keys, given, name } of variables.known) {
    setAt(value, keys, given);
    places.set(pathText(keys), name);
  }
  for (const [keys, given, flag] of [
    [['data_dir'], sources.dataDir, '--data-dir'],
    [['log', 'level'], sources.logLevel, '--log-level'],
  ] as const) {
    if (given === undefined) continue;
    setAt(value, keys, given);
    places.set(pathText(keys), flag);
  }

  const result = configSchema.safeParse(value);
  if (result.success && unset.length === 0 && variables.unknown.length === 0) {
    return {
      config: { ...result.data, data_dir: resolve(cwd, result.data.data_dir) },
      path: file === null ? null : file.path,
    };
  }
  const missing = unset.map(({ name, keys }) => {
    return {
      path: pathText(keys),
      keys,
      message: `the variable ${name} is not set; \`\${${name}:-...}\` stands for it then`,
    };
  });
  const wrong = result.success ? [] : problemsOf(result.error.issues, value);
  const problems = [...missing, ...wrong].map(({ path: where, keys, message }) => {
    const line = places.has(where) || file === null ? null : file.lineOf(keys);
    const place = places.get(where) ?? (file === null ? undefined : placeText(file.path, line));
    const text = `${place === undefined ? '' : `${place}: `}${where === '' ? 'the configuration' : where}: ${message}`;
    return { line: line ?? 0, text };
  });
  const inOrder = problems.toSorted((a, b) => a.line - b.line).map(({ text }) => text);
  throw new RegressionError('CONFIG_INVALID', [...variables.unknown, ...inOrder].join('\n'), {
    hint: 'All keys with their meaning and defaults: docs/configuration.md and config/regression.yaml.',
  });
}

interface YamlFile {
  readonly path: string;
  readonly value: Record<string, unknown>;
  readonly lineOf: YamlText['lineOf'];
}

async function readYaml(path: string): Promise<YamlFile> {
  const { value: read, broken, lineOf } = await readYamlText(path, 'CONFIG_INVALID', 'Check --config.');
  if (broken.length > 0) {
    const problems = broken.map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`);
    throw new RegressionError('CONFIG_INVALID', problems.join('\n'), { hint: 'The file is not valid YAML.' });
  }
  const value = read ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new RegressionError('CONFIG_INVALID', `${path}:1: expected keys and values, like \`data_dir: ./data\``);
  }
  return {
    path,
    value: value as Record<string, unknown>,
    lineOf,
  };
}

interface Variable {
  readonly name: string;
  readonly keys: readonly string[];
  readonly given: unknown;
}

/**
 * The REGRESSION_* variables with the keys they stand for, and what is wrong with the others. Text stays text (a version 1.10); the rest
 * is read as YAML.
 */
function variablesOf(env: ConfigSources['env']): { known: Variable[]; unknown: string[] } {
  const unknown: string[] = [];
  const known = new Map(
    leavesOf(configSchema).map((leaf) => [`REGRESSION_${leaf.keys.join('_').toUpperCase()}`, leaf]),
  );
  const found = Object.entries(env).flatMap(([name, text]): Variable[] => {
    if (!name.startsWith('REGRESSION_') || name === 'REGRESSION_CONFIG' || text === undefined) return [];
    const leaf = known.get(name);
    if (leaf !== undefined) return [{ name, keys: leaf.keys, given: leaf.isText ? text : (parse(text) as unknown) }];
    // What programs that ask the endpoint are told by (docs/examples), in the shell of whoever runs both.
    if (name === 'REGRESSION_URL' || name === 'REGRESSION_TOKEN') return [];
    // Kubernetes sets these for a Service that is named regression.
    if (/^REGRESSION_(?:SERVICE_|PORT(?:_|$))/.test(name)) return [];
    const near = nearestName(name, [...known.keys(), 'REGRESSION_CONFIG']);
    unknown.push(`${name}: unknown variable${near === undefined ? '' : `; did you mean \`${near}\`?`}`);
    return [];
  });
  return { known: found, unknown };
}

/** Paths of all options but lists: those are given in a file only. */
function leavesOf(schema: z.ZodType, prefix: readonly string[] = []): { keys: readonly string[]; isText: boolean }[] {
  const object = objectOf(schema);
  if (object === null) return [{ keys: prefix, isText: innermost(schema) instanceof z.ZodString }];
  return Object.entries(object.shape).flatMap(([key, child]) =>
    key === 'inputs' || key === 'sinks' ? [] : leavesOf(child as z.ZodType, [...prefix, key]),
  );
}

function setAt(root: Record<string, unknown>, keys: readonly string[], value: unknown): void {
  let at = root;
  for (const key of keys.slice(0, -1)) {
    const next = at[key];
    at = (typeof next === 'object' && next !== null ? next : (at[key] = {})) as Record<string, unknown>;
  }
  at[keys.at(-1) ?? ''] = value;
}
