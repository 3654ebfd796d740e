import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { dataDirOf } from '../../src/config/data-dir.ts';
import { type ConfigSources, loadConfig } from '../../src/config/load.ts';
import { tempDir } from '../temp-dir.ts';

void test('the data directory is found as the whole configuration would say it', async (t) => {
  const cwd = await tempDir(t);
  await writeFile(join(cwd, 'named.yaml'), 'data_dir: from/file\nlog: { level: warn }\n');
  await writeFile(join(cwd, 'silent.yaml'), 'log: { level: warn }\n');
  await writeFile(join(cwd, 'empty.yaml'), '');
  const cases: readonly Omit<ConfigSources, 'cwd'>[] = [
    { env: {} },
    { env: {}, dataDir: 'from/flag' },
    { env: { REGRESSION_DATA_DIR: '/from/env' } },
    { env: { REGRESSION_DATA_DIR: '/from/env' }, dataDir: 'from/flag' },
    { env: {}, configPath: 'named.yaml' },
    { env: { REGRESSION_CONFIG: 'named.yaml' } },
    { env: { REGRESSION_CONFIG: 'silent.yaml' }, configPath: 'named.yaml' },
    { env: { REGRESSION_DATA_DIR: '/from/env' }, configPath: 'named.yaml' },
    { env: {}, configPath: 'silent.yaml' },
    { env: {}, configPath: 'empty.yaml' },
  ];
  for (const sources of cases) {
    const { config } = await loadConfig({ ...sources, cwd });
    t.equal(await dataDirOf({ ...sources, cwd }), config.data_dir, JSON.stringify(sources));
  }
});

void test('what only the whole configuration can refuse is left to it', async (t) => {
  const cwd = await tempDir(t);
  await writeFile(join(cwd, 'number.yaml'), 'data_dir: 7\n');
  await writeFile(join(cwd, 'broken.yaml'), 'data_dir: [\n');
  for (const configPath of ['number.yaml', 'broken.yaml', 'gone.yaml']) {
    t.equal(await dataDirOf({ env: {}, cwd, configPath }), null, configPath);
  }
  t.equal(await dataDirOf({ env: { REGRESSION_DATA_DIR: '' }, cwd }), null);
});
