/** The commands of docs/backup.md, run as they stand, in their order, beside a daemon that systemctl starts and stops. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'tap';
import { openStore } from '../../src/store/remote-store.ts';
import { regressionHere } from '../commands/in-process.ts';
import { someRecords } from '../records.ts';
import { configSchema } from '../../src/config/schema.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type StartedDaemon, startDaemon } from '../start-daemon.ts';
import { tempDir } from '../temp-dir.ts';

const page = fileURLToPath(new URL('../../docs/backup.md', import.meta.url));
const rows = 30;

void test('every command of docs/backup.md does what it is there for', { timeout: 240_000 }, async (t) => {
  const directory = await tempDir(t);
  const text = (await readFile(page, 'utf8')).replaceAll(/(?<= )\/(?=(?:backup|archive)\/)/g, `${directory}/`);
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, block = '']) => ({
    language,
    block,
  }));
  const yaml = blocks.find(({ language }) => language === 'yaml')?.block ?? '';
  await writeFile(join(directory, 'regression.yaml'), yaml);
  const dataDir = join(directory, 'data');
  const store = await openStore({ dataDir });
  const records = someRecords(rows).map((record) => ({
    ...record,
    timestamp: record.timestamp.replace('11-24', '10-24'),
  }));
  await store.append({ records, positions: [], gaps: [] });
  await store.close();
  const { config: asDocumented } = await loadConfig({
    env: {},
    cwd: directory,
    configPath: join(directory, 'regression.yaml'),
  });
  const config = configSchema.parse({ data_dir: dataDir, inputs: [], server: { listen: '127.0.0.1:0' } });
  let running: StartedDaemon | null = null;
  const systemctl = {
    start: async () => {
      running = await startDaemon(t, dataDir, [], {}, { config: { ...config, tasks: asDocumented.tasks } });
    },
    stop: async () => running?.daemon.stop(),
  };
  const liveRows = async (): Promise<number> => (await running?.client.logs({ limit: 1000 }))?.rows.length ?? 0;
  const run = async (line: string): Promise<{ code: number; stdout: string; stderr: string }> => {
    const [program = '', ...args] = line.split(/ +/);
    if (program === 'export') {
      const [name = '', value = ''] = args[0]?.split('=') ?? [];
      env[name] = value;
      return { code: 0, stdout: line, stderr: '' };
    }
    if (program === 'systemctl') {
      await systemctl[args[0] as 'start' | 'stop']();
      return { code: 0, stdout: line, stderr: '' };
    }
    if (program === 'regression') return regressionHere(args, directory, env);
    const here = line.replace('http://127.0.0.1:8514', running?.url ?? '');
    return { code: 0, ...(await promisify(execFile)('sh', ['-c', here], { cwd: directory })) };
  };
  const env: Record<string, string> = {};
  await systemctl.start();
  const said = new Map<string, string>();
  const lines = blocks.filter(({ language }) => language === 'sh').flatMap(({ block }) => block.trimEnd().split('\n'));
  for (const line of lines) {
    const command = line.replace(/ +#.*/, '');
    const { code, stdout, stderr } = await run(command);
    t.equal(code, 0, `${command}: ${stderr}`);
    said.set(command, stdout);
    // A snapshot answers for a moment longer.
    while (command === 'regression archive' && (await liveRows()) > 0);
    if (command === 'regression prune') t.equal(await liveRows(), rows, 'archived, and back again');
  }

  const range = `regression restore ${directory}/archive/regression --range 2026-10-01..2026-10-31`;
  for (const [command, answer] of [
    ['regression backup', /^backed up 30 rows to /],
    ['regression verify', /can be restored: 30 rows/],
    ['regression status', /^backup +done .*: backed up 30 rows .*; next .*\nverify +done .*; next /m],
    ['regression restore latest --dry-run', /complete: 30 rows/],
    ['regression restore latest', /restored 30 rows .*now in .*replaced-/],
    ['regression archive', /^archived 30 rows of 1 segments/],
    [`${range} --dry-run`, /^would bring 30 rows back in 1 segments/],
    [range, /^brought 30 rows back in 1 segments/],
    ['regression prune', /^nothing to prune; beside that \d+ bytes were set aside, yours to remove: .*replaced-/],
  ] as const) {
    t.match(said.get(command), answer, command);
  }
  t.match([...said].find(([command]) => command.startsWith('curl'))?.[1], /"message":"backed up 30 rows/);
});
