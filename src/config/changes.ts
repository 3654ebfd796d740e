/**
 * What differs between two configurations, and what of that a running daemon can take over. Applying it is reload.ts's.
 */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { objectOf, pathText } from '../runtime/schema-paths.ts';
import { type Config, configSchema } from './schema.ts';

export interface ConfigChanges {
  /** What to run with from here on: as `after`, but for what needs a restart, which stays as it was. */
  readonly next: Config;
  /** Paths that are taken over, as they stand in the configuration: `inputs`, `application.version`. */
  readonly applied: readonly string[];
  /** Paths that are different and count from the next start on. */
  readonly needsRestart: readonly string[];
}

/** Taken over while the daemon runs: these paths and all below them, but for `fixed`. */
export const live = ['application', 'inputs', 'transforms', 'sinks', 'tasks', 'log'];
/** The store is opened with them. */
export const fixed = ['tasks.rotate.max_size', 'tasks.rotate.max_age'];

export function changesOf(before: Config, after: Config): ConfigChanges {
  const next = structuredClone(after);
  const applied: string[] = [];
  const needsRestart: string[] = [];
  for (const keys of leaves()) {
    const old = valueAt(before, keys);
    if (isDeepStrictEqual(old, valueAt(after, keys))) continue;
    const path = pathText(keys);
    if (isBelow(path, live) && !isBelow(path, fixed)) {
      applied.push(path);
    } else {
      needsRestart.push(path);
      setAt(next, keys, structuredClone(old));
    }
  }
  return { next, applied, needsRestart };
}

/** Keys of every option; a list is one, and so is a group that may be absent. */
function leaves(schema = objectOf(configSchema), prefix: readonly string[] = []): (readonly string[])[] {
  return Object.entries(schema?.shape ?? {}).flatMap(([key, child]) => {
    const keys = [...prefix, key];
    const object = child instanceof z.ZodOptional ? null : objectOf(child as z.ZodType);
    return object === null ? [keys] : leaves(object, keys);
  });
}

function isBelow(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}.`));
}

function valueAt(root: object, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], root);
}

function setAt(root: object, keys: readonly string[], value: unknown): void {
  const parent = valueAt(root, keys.slice(0, -1)) as Record<string, unknown> | undefined;
  const last = keys.at(-1);
  if (parent === undefined || last === undefined) return;
  if (value === undefined) delete parent[last];
  else parent[last] = value;
}
