/**
 * `regression import` of JSON lines, until every record is committed and can be asked for, and until every segment is sealed as well,
 * against: a script that only reads, splits and parses the same file; the native sqlite3 shell that fills the same tables and indexes;
 * rsyslog and syslog-ng (import-peers.ts). `node bench/import.ts [--lines 150000] [--rounds 3] [--without PEER ...]`; needs `npm run build` and
 * sqlite3; peers that are not installed are left out and named.
 *
 * The shell makes a log of its own kind of work: no durability while it runs, one transaction, no positions, no full-text index.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installedPeers, peerNames } from './import-peers.ts';
import {
  type Measurement,
  interleaved,
  machineText,
  measureCommand,
  spreadOf,
  spreadText,
  tableText,
} from './measure.ts';
import { writeWorkload } from './workload.ts';

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '150000' },
    rounds: { type: 'string', default: '3' },
    without: { type: 'string', multiple: true, default: [] },
  },
});
/** Of ours also what was left to seal. */
type ImportRun = Measurement & { readonly sealing?: Measurement };
const ours = 'regression import';

const lines = Number(values.lines);
const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
const input = join(directory, 'w1.json');
const bench = import.meta.dirname;
const program = join(bench, '../bin/regression.js');
const machine = machineText();

try {
  await writeWorkload('w1', lines, input);
  const shellScript = (await readFile(join(bench, 'references/sqlite-shell.sql'), 'utf8')).replaceAll('@INPUT@', input);
  const peers = Object.fromEntries(Object.entries(installedPeers()).filter(([name]) => !values.without.includes(name)));
  const answers: Record<string, ImportRun[]> = await interleaved<string, ImportRun>(Number(values.rounds), {
    'read, split, JSON.parse': () =>
      measureCommand(process.execPath, [join(bench, 'references/read-json-lines.js'), input]),
    'sqlite3 shell': () => intoFresh('shell.db', (path) => measureCommand('sqlite3', [path], { stdin: shellScript })),
    ...Object.fromEntries(Object.entries(peers).map(([name, run]) => [name, () => run(input, lines)])),
    [ours]: () =>
      intoFresh('data', async (path) => {
        const run = await measureCommand(process.execPath, [program, 'import', input, '--json', '--data-dir', path]);
        const sealing = await measureCommand(process.execPath, [join(bench, 'references/seal-all.ts'), path]);
        return { ...run, sealing };
      }),
  });
  const own = answers[ours] ?? [];
  const imported = JSON.parse(own[0]?.stdout ?? '{}') as { rows?: number };
  if (imported.rows !== lines) throw new Error(`imported ${imported.rows} rows of ${lines}`);
  answers[`${ours}, all sealed`] = own.map(sealedToo);

  const perSecond = (name: string) => spreadOf((answers[name] ?? []).map(({ wallSeconds }) => lines / wallSeconds));
  const rows = Object.entries(answers).map(([name, runs]) => [
    name,
    spreadText(perSecond(name)),
    spreadText(spreadOf(runs.map(({ cpuSeconds }) => cpuSeconds)), 1),
    spreadText(spreadOf(runs.map(({ peakBytes }) => peakBytes / 1e6))),
    (perSecond(ours).median / perSecond(name).median).toFixed(2),
    (perSecond(`${ours}, all sealed`).median / perSecond(name).median).toFixed(2),
  ]);
  console.log(`${lines.toLocaleString('en-US')} lines, ${values.rounds} rounds; ${machine}\n`);
  const ratios = ['ours / its records/s', 'ours, sealed / its records/s'];
  console.log(tableText(['program', 'records/s', 'CPU seconds', 'peak MB', ...ratios], rows));
  const missing = peerNames.filter((name) => !(name in peers));
  if (missing.length > 0) console.log(`not installed or left out: ${missing.join('; ')}`);
} finally {
  await rm(directory, { recursive: true });
}

/** Sealing begins while the import runs; what is left of it is done behind it, in a process of its own. */
function sealedToo({ sealing, ...run }: ImportRun): Measurement {
  if (sealing === undefined) throw new Error('an import without its sealing');
  return {
    ...run,
    wallSeconds: run.wallSeconds + sealing.wallSeconds,
    cpuSeconds: run.cpuSeconds + sealing.cpuSeconds,
    peakBytes: Math.max(run.peakBytes, sealing.peakBytes),
  };
}

async function intoFresh<Answer>(name: string, run: (path: string) => Promise<Answer>): Promise<Answer> {
  const path = join(directory, name);
  const answer = await run(path);
  for (const suffix of ['', '-wal', '-shm']) await rm(`${path}${suffix}`, { recursive: true, force: true });
  return answer;
}
