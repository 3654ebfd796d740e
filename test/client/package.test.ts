/** `import { RegressionClient } from 'regression/client'` from the package as it would be published. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'tap';
import { serve, storeOf, token } from '../query/serve.ts';
import { someRecords } from '../records.ts';
import { tempDir } from '../temp-dir.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
const npm = ['/usr/bin/npm', '/usr/local/bin/npm'].find((path) => existsSync(path));

const program = `import { RegressionClient, type LogRow, RegressionError } from 'regression/client';
const client = new RegressionClient({ url: process.argv[2] ?? '', token: process.argv[3] ?? '' });
const rows: LogRow[] = [];
for await (const row of client.rows({ q: 'row', limit: 2, order: 'asc' })) rows.push(row);
const wrong: string = await client.logs({ q: '(' }).then(() => 'none', (error: RegressionError) => error.code);
console.log(JSON.stringify({ messages: rows.map(({ message }) => message), wrong }));
await client.close();
`;

void test(
  'the packed package exports the client with its types',
  { timeout: 120_000, skip: npm === undefined && 'npm is not installed' },
  async (t) => {
    const directory = await tempDir(t);
    await run(npm ?? '', ['pack', '--ignore-scripts', '--pack-destination', directory], { cwd: root });
    const packed = (await readdir(directory)).find((name) => name.endsWith('.tgz'));
    const modules = join(directory, 'node_modules');
    await mkdir(join(modules, 'regression'), { recursive: true });
    await run('tar', [
      '-xzf',
      join(directory, packed ?? ''),
      '-C',
      join(modules, 'regression'),
      '--strip-components=1',
    ]);
    for (const name of await readdir(join(root, 'node_modules'))) {
      if (!name.startsWith('.')) await symlink(join(root, 'node_modules', name), join(modules, name));
    }
    await writeFile(join(directory, 'package.json'), '{"type":"module"}');
    await writeFile(join(directory, 'program.ts'), program);
    const { url } = await serve(t, { store: await storeOf(someRecords(5)) });
    const { stdout } = await run(process.execPath, [join(directory, 'program.ts'), url, token]);

    t.strictSame(JSON.parse(stdout), {
      messages: ['row 0', 'row 1', 'row 2', 'row 3', 'row 4'],
      wrong: 'QUERY_INVALID',
    });
    const strict = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--types',
      'node',
      '--exactOptionalPropertyTypes',
    ];
    const checked = await run(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), ...strict, 'program.ts'],
      { cwd: directory },
    ).catch((error: { stdout: string }) => error);
    t.equal(checked.stdout, '', 'types');
  },
);
