/** Hints and pages name options: each of them must be one, or following the hint does not help. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import type { z } from 'zod';
import { keysOf, schemaAt } from '../../src/runtime/schema-paths.ts';
import { configSchema, inputSchemas, sinkSchemas } from '../../src/config/schema.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = globSync(['docs/*.md', '*.md', 'systemd/*', 'src/**/*.ts'], { cwd: root });

function isOption(name: string): boolean {
  const [list, rest] = /^(inputs|sinks)\[\]\.(.*)$/.exec(name)?.slice(1) ?? [];
  if (rest === undefined) return schemaAt(configSchema, name.split('.'), {}) !== null;
  const kinds: readonly z.ZodType[] = list === 'inputs' ? inputSchemas : sinkSchemas;
  return kinds.some((kind) => schemaAt(kind, rest.split('.'), {}) !== null);
}

void test('every option that a page, a message or a hint names exists', async (t) => {
  const named = new Map<string, string>();
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const [name] of text.matchAll(
      /\btasks\.(?:rotate|archive|backup|verify|prune)\.[a-z_]+(?:\.[a-z_]+)?|\b(?:inputs|sinks)\[\]\.[a-z_]+(?:\.[a-z_]+)?/g,
    )) {
      // In code, `tasks.rotate.options` is the task's schema.
      if (!file.startsWith('src/') || !/\.(?:options|summary|isWanted|run)\b/.test(name)) named.set(name, file);
    }
    if (file.startsWith('src/') || file === 'docs/scaling.md') continue; // OTLP names attributes alike
    for (const [, name = ''] of text.matchAll(/`((?:server|store|log|patterns|application)\.[a-z_]+(?:\.[a-z_]+)?)`/g))
      named.set(name, file);
  }

  t.ok(named.size > 30, `${named.size} names`);
  t.strictSame(
    [...named].filter(([name]) => !isOption(name)),
    [],
  );
  t.ok(keysOf(schemaAt(configSchema, ['tasks', 'prune'], {})).includes('min_free'));
});
