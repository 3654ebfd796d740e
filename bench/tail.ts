/**
 * CPU seconds a million lines of tailing alone take (read, split, positions, identity; no parse, no store), against `tail -F | wc -l`
 * and a bare Node reader; then the resident memory of a daemon that follows a thousand quiet files. What starting costs (loading
 * modules) is measured by each program with one line, and taken off. `node bench/tail.ts [--lines 1000000] [--rounds 5] [--quiet-files
 * 1000]`; needs `npm run build`.
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
  options: {
    lines: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    'quiet-files': { type: 'string', default: '1000' },
  },
});
const lines = Number(values.lines);
const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
const path = join(directory, 'app.log');
const oneLine = join(directory, 'one.log');
const machine = machineText();
const references = join(import.meta.dirname, 'references');
try {
  spawnSync(process.execPath, [join(import.meta.dirname, 'workload.ts'), 'w1', String(lines), path], {
    stdio: 'inherit',
  });
  await writeFile(oneLine, 'one line\n');
  const contenders: Record<Who, string> = {
    tail: 'tail -F \\| wc -l',
    bare: 'bare Node reader',
    ours: 'regression, tailing alone',
  };
  const measure = (who: Who, file: string, count: number): Promise<Measurement> => {
    if (who === 'tail') return measurePipeline(file, count);
    const program = who === 'bare' ? 'count-lines.js' : 'tail-alone.ts';
    return measureCommand(process.execPath, [join(references, program), file, String(count)]);
  };
  const answers = await interleaved(Number(values.rounds), {
    tail: () => startedAndRead(measure, 'tail'),
    bare: () => startedAndRead(measure, 'bare'),
    ours: () => startedAndRead(measure, 'ours'),
  });
  const medianOf = (who: Who): number => spreadOf(answers[who].map(({ reading }) => reading)).median;
  console.log(`${lines.toLocaleString('en-US')} lines, ${values.rounds} rounds; ${machine}\n`);
  console.log(
    tableText(
      ['who', 'CPU s per million lines', 'to the bare reader', 'CPU s to start', 'wall s', 'peak MB'],
      (Object.keys(contenders) as Who[]).map((who) => [
        contenders[who],
        spreadText(spreadOf(answers[who].map(({ reading }) => (reading / lines) * 1e6)), 2),
        (medianOf(who) / medianOf('bare')).toFixed(2),
        spreadText(spreadOf(answers[who].map(({ starting }) => starting)), 2),
        spreadText(spreadOf(answers[who].map(({ whole }) => whole.wallSeconds)), 2),
        spreadText(spreadOf(answers[who].map(({ whole }) => whole.peakBytes / 1e6))),
      ]),
    ),
  );
  const idle = spawnSync(
    process.execPath,
    [join(import.meta.dirname, 'idle.ts'), '--files', values['quiet-files'], '--seconds', '10'],
    { stdio: 'inherit' },
  );
  if (idle.status !== 0) throw new Error(`idle.ts ended with ${idle.status}`);
} finally {
  await rm(directory, { recursive: true });
}

type Who = 'tail' | 'bare' | 'ours';

async function startedAndRead(measure: (who: Who, file: string, count: number) => Promise<Measurement>, who: Who) {
  const started = await measure(who, oneLine, 1);
  const whole = await measure(who, path, lines);
  return { whole, starting: started.cpuSeconds, reading: whole.cpuSeconds - started.cpuSeconds };
}

/** The processes of a pipeline are gone before they can be looked at; the shell's `times` says what they took. */
async function measurePipeline(file: string, count: number): Promise<Measurement> {
  const pipeline = `tail -n +1 -F '${file}' 2>/dev/null | head -n ${count} | wc -l; times`;
  const measured = await measureCommand('sh', ['-c', pipeline]);
  const seconds = [...measured.stdout.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60 + Number(s));
  return { ...measured, cpuSeconds: (seconds[2] ?? 0) + (seconds[3] ?? 0) };
}
