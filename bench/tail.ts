/**
 * CPU seconds a million lines of tailing alone take (read, split, positions, identity; no parse, no store), against `tail -F | wc -l`
 * and a bare Node reader. `node bench/tail.ts [--lines 1000000] [--rounds 5]`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type Measurement,
  interleaved,
  machineText,
  measureCommand,
  spreadOf,
  spreadText,
  tableText,
} from './measure.ts';

const { values } = parseArgs({
  options: { lines: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '5' } },
});
const lines = Number(values.lines);
const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
const path = join(directory, 'app.log');
const machine = machineText();
const references = join(import.meta.dirname, 'references');
try {
  spawnSync(process.execPath, [join(import.meta.dirname, 'workload.ts'), 'w1', String(lines), path], {
    stdio: 'inherit',
  });
  await writeFile(path, '', { flag: 'a' });
  const answers = await interleaved(Number(values.rounds), {
    'tail -F | wc -l': () => measurePipeline(),
    'bare Node reader': () =>
      measureCommand(process.execPath, [join(references, 'count-lines.js'), path, String(lines)]),
    'regression, tailing alone': () =>
      measureCommand(process.execPath, [join(references, 'tail-alone.ts'), path, String(lines)]),
  });
  const bare = spreadOf(answers['bare Node reader'].map(({ cpuSeconds }) => cpuSeconds)).median;
  console.log(`${lines.toLocaleString('en-US')} lines, ${values.rounds} rounds; ${machine}\n`);
  console.log(
    tableText(
      ['who', 'CPU s per million lines', 'to the bare reader', 'wall s', 'peak MB'],
      Object.entries(answers).map(([name, rounds]) => {
        const cpu = spreadOf(rounds.map(({ cpuSeconds }) => (cpuSeconds / lines) * 1e6));
        return [
          name,
          spreadText(cpu, 2),
          ((cpu.median * lines) / 1e6 / bare).toFixed(2),
          spreadText(spreadOf(rounds.map(({ wallSeconds }) => wallSeconds)), 2),
          spreadText(spreadOf(rounds.map(({ peakBytes }) => peakBytes / 1e6))),
        ];
      }),
    ),
  );
} finally {
  await rm(directory, { recursive: true });
}

/** The processes of a pipeline are gone before they can be looked at; the shell's `times` says what they took. */
async function measurePipeline(): Promise<Measurement> {
  const pipeline = `tail -n +1 -F '${path}' 2>/dev/null | head -n ${lines} | wc -l; times`;
  const measured = await measureCommand('sh', ['-c', pipeline]);
  const seconds = [...measured.stdout.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60 + Number(s));
  return { ...measured, cpuSeconds: (seconds[2] ?? 0) + (seconds[3] ?? 0) };
}
