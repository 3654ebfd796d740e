import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { generatedFiles } from '../scripts/generate.ts';
import { loadConfig } from '../src/config/load.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

for (const [path, make] of Object.entries(generatedFiles)) {
  void test(`${path} says what the schemas say`, async (t) => {
    t.equal(await readFile(`${root}${path}`, 'utf8'), await make(), 'stale: npm run generate');
  });
}

void test('config/regression.yaml is the default configuration', async (t) => {
  const { config } = await loadConfig({ configPath: 'config/regression.yaml', env: {}, cwd: root });

  t.strictSame(config, (await loadConfig({ env: {}, cwd: root })).config);
});
