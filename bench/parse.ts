/**
 * Parsing alone: what the daemon does with a line before the store (lines, framing, parser, record), per format, against a script that
 * reads, splits and JSON.parses the same number of JSON lines. `node bench/parse.ts [--lines 300000] [--rounds 3] [--only w1,w3]`;
 * needs `npm run build`.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { interleaved, machineText, measureCommand, spreadOf, spreadText, tableText } from './measure.ts';
import { type WorkloadKind, writeWorkload } from './workload.ts';

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '300000' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
  },
});
const lines = Number(values.lines);
const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
const bench = import.meta.dirname;

const formats: readonly { readonly name: string; readonly workload: WorkloadKind | 'logfmt' | 'plain' }[] = [
  { name: 'json', workload: 'w1' },
  { name: 'logfmt', workload: 'logfmt' },
  { name: 'syslog RFC 3164', workload: 'w2a' },
  { name: 'syslog RFC 5424', workload: 'w2b' },
  { name: 'access log', workload: 'w3' },
  { name: 'plain', workload: 'plain' },
  { name: 'Java traces', workload: 'w4' },
].filter(({ workload }) => values.only === '' || values.only.split(',').includes(workload)) as never;

try {
  const json = join(directory, 'w1');
  await writeWorkload('w1', lines, json);
  const programs: Record<string, () => ReturnType<typeof measureCommand>> = {
    'read, split, JSON.parse': () =>
      measureCommand(process.execPath, [join(bench, 'references/read-json-lines.js'), json]),
  };
  for (const { name, workload } of formats) {
    const path = join(directory, workload);
    if (workload === 'logfmt' || workload === 'plain') await writeLines(workload, path);
    else if (workload !== 'w1') await writeWorkload(workload, lines, path);
    programs[name] = () => measureCommand(process.execPath, [join(bench, 'references/read-records.js'), path]);
  }
  const answers = await interleaved(Number(values.rounds), programs);
  const [bare] = Object.values(answers);
  const bareCpu = spreadOf((bare ?? []).map(({ cpuSeconds }) => cpuSeconds)).median;
  const rows = Object.entries(answers).map(([name, runs]) => {
    const read = (JSON.parse(runs[0]?.stdout ?? '{}') as { lines?: number }).lines ?? 0;
    const cpu = spreadOf(runs.map(({ cpuSeconds }) => (cpuSeconds / read) * 1e6));
    const ratio = cpu.median / ((bareCpu / lines) * 1e6);
    const rate = spreadOf(runs.map(({ wallSeconds }) => read / wallSeconds));
    return [name, String(read), spreadText(rate), spreadText(cpu, 2), ratio.toFixed(2)];
  });
  console.log(`${lines.toLocaleString('en-US')} records, ${values.rounds} rounds; ${machineText()}\n`);
  console.log(tableText(['what', 'lines', 'lines/s', 'CPU us a line', 'CPU, of the bare script'], rows));
} finally {
  await rm(directory, { recursive: true });
}

async function writeLines(kind: 'logfmt' | 'plain', path: string): Promise<void> {
  const line = (index: number): string => {
    const time = new Date(Date.UTC(2026, 0, 1) + index * 5).toISOString();
    return kind === 'logfmt'
      ? `time=${time} level=info msg="request completed after validation" method=GET path=/v1/users/${index} status=200 duration=1.${index % 1000}ms user=u-${index % 5000}`
      : `${time.replace('T', ' ').replace('.', ',').slice(0, 23)} INFO [worker-${index % 8}] com.acme.orders.OrderService: request ${index} completed after validation`;
  };
  await writeFile(path, Array.from({ length: lines }, (_, index) => `${line(index)}\n`).join(''));
}
