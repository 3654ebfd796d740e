/**
 * `regression import` of JSON lines against (a) a script that only reads, splits and parses the same file, and (b) the native sqlite3
 * shell that fills the same tables and indexes. `node bench/import.ts [--lines 500000] [--rounds 3]`; needs `npm run build` and sqlite3.
 *
 * The shell makes a log of its own kind of work: no durability while it runs, one transaction, no positions.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { interleaved, machineText, measureCommand, spreadOf, spreadText, tableText } from './measure.ts';
import { writeWorkload } from './workload.ts';

const { values } = parseArgs({
  options: { lines: { type: 'string', default: '500000' }, rounds: { type: 'string', default: '3' } },
});
const lines = Number(values.lines);
const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
const input = join(directory, 'w1.json');
const bench = import.meta.dirname;
const program = join(bench, '../bin/regression.js');
const machine = machineText();

try {
  await writeWorkload('w1', lines, input);
  const shellScript = (await readFile(join(bench, 'references/sqlite-shell.sql'), 'utf8')).replaceAll('@INPUT@', input);
  const answers = await interleaved(Number(values.rounds), {
    'read, split, JSON.parse': () =>
      measureCommand(process.execPath, [join(bench, 'references/read-json-lines.js'), input]),
    'sqlite3 shell': () => intoFresh('shell.db', (path) => measureCommand('sqlite3', [path], { stdin: shellScript })),
    'regression import': () =>
      intoFresh('data', (path) =>
        measureCommand(process.execPath, [program, 'import', input, '--json', '--data-dir', path]),
      ),
  });
  const imported = JSON.parse(answers['regression import'][0]?.stdout ?? '{}') as { rows?: number };
  if (imported.rows !== lines) throw new Error(`imported ${imported.rows} rows of ${lines}`);

  const rates = Object.entries(answers).map(([name, runs]) => ({
    name,
    perSecond: spreadOf(runs.map(({ wallSeconds }) => lines / wallSeconds)),
    cpuSeconds: spreadOf(runs.map(({ cpuSeconds }) => cpuSeconds)),
    peakMegabytes: spreadOf(runs.map(({ peakBytes }) => peakBytes / 1e6)),
  }));
  const own = rates.at(-1)?.perSecond.median ?? Number.NaN;
  const rows = rates.map(({ name, perSecond, cpuSeconds, peakMegabytes }) => [
    name,
    spreadText(perSecond),
    spreadText(cpuSeconds, 1),
    spreadText(peakMegabytes),
    (own / perSecond.median).toFixed(2),
  ]);
  console.log(`${lines.toLocaleString('en-US')} lines, ${values.rounds} rounds; ${machine}\n`);
  console.log(tableText(['program', 'records/s', 'CPU seconds', 'peak MB', 'ours / its records/s'], rows));
} finally {
  await rm(directory, { recursive: true });
}

async function intoFresh<Answer>(name: string, run: (path: string) => Promise<Answer>): Promise<Answer> {
  const path = join(directory, name);
  const answer = await run(path);
  for (const suffix of ['', '-wal', '-shm']) await rm(`${path}${suffix}`, { recursive: true, force: true });
  return answer;
}
