/**
 * What patterns cost: `node bench/patterns.ts [--data FOLDER] [--lines 400000] [--rounds 3]`; needs `npm run build`.
 *
 * Lines a CPU second of mask and match on one core, over the systems of `FOLDER/loghub_2k` mixed (without the folder: over the messages of
 * the workload); memory of 10,000 patterns; CPU of an import with and without patterns. CPU time, since wall time tells of the machine.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Masker } from '../src/pattern/mask.ts';
import { PatternMiner } from '../src/pattern/miner.ts';
import { TemplateTree } from '../src/pattern/template-tree.ts';
import { readCsv } from '../test/conformance/loghub.ts';
import { interleaved, machineText, measureCommand, spreadOf, spreadText, tableText } from './measure.ts';
import { chunksOf, writeWorkload } from './workload.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '' },
    lines: { type: 'string', default: '400000' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
  },
});
const lines = Number(values.lines);
const rounds = Number(values.rounds);
const wanted = (part: string): boolean => values.only === '' || values.only === part;

console.log(`${machineText()}\n`);
if (wanted('match')) printMatching();
if (wanted('memory')) printMemory();
if (wanted('ingest')) await printIngest();

/** Mask and match as ingest does it: each system in a tree of its own, their lines in turn. */
function printMatching(): void {
  const systems = readSystems();
  const count = Math.ceil(lines / systems.length) * systems.length;
  const rates = Array.from({ length: rounds }, () => {
    const masker = new Masker();
    const trees = systems.map(() => new TemplateTree({ maxPatterns: 5000 }));
    const startedAt = process.cpuUsage();
    for (let index = 0; index < count; index++) {
      const system = systems[index % systems.length] ?? [];
      const message = system[Math.floor(index / systems.length) % system.length] ?? '';
      trees[index % systems.length]?.match(masker.mask(message));
    }
    return count / cpuSecondsSince(startedAt);
  });
  console.log(`mask and match, ${systems.length} systems mixed: ${spreadText(spreadOf(rates))} lines a CPU second\n`);
}

/** Each system's messages; every line is looked at many times, as it would be in a day. */
function readSystems(): string[][] {
  const folder = join(values.data, 'loghub_2k');
  if (values.data !== '' && existsSync(folder)) {
    const files = readdirSync(folder)
      .map((system) => join(folder, system, `${system}_2k.log_structured.csv`))
      .filter((path) => existsSync(path));
    return files.map((path) => {
      const [columns = [], ...rows] = readCsv(readFileSync(path, 'utf8'));
      return rows.map((row) => row[columns.indexOf('Content')] ?? '');
    });
  }
  const text = [...chunksOf('w1', 16_000)].join('').trim();
  const messages = text.split('\n').map((line) => (JSON.parse(line) as { readonly msg: string }).msg);
  return Array.from({ length: 8 }, (_, system) => messages.filter((_message, index) => index % 8 === system));
}

/** Ten thousand patterns of ten words, two of them variables, with their bookkeeping. */
function printMemory(): void {
  const patterns = 10_000;
  const application = { name: 'shop', version: '1', environment: null };
  const word = (index: number): string =>
    index.toString(26).replaceAll(/\d/g, (digit) => 'qrstuvwxyz'.charAt(Number(digit)));
  const before = usedBytes();
  const miner = new PatternMiner({ maxPatterns: patterns * 2, maxPatternsPerApplication: patterns * 2 });
  for (let index = 0; index < patterns; index++) {
    const message = `${word(index)} the ${word(index)} of request ${index} took ${index % 7} ms until it ${word(index)}`;
    const source = `/var/log/shop/${index % 4}.log`;
    miner.observe([
      { timestamp: '2026-01-01T00:00:00.000000Z', severity: 'INFO', application, source, message, metadata: [] },
    ]);
  }
  const megabytes = (usedBytes() - before) / 1e6;
  console.log(`memory of ${miner.size.toLocaleString('en-US')} patterns: ${megabytes.toFixed(1)} MB\n`);
}

function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

async function printIngest(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
  const program = join(import.meta.dirname, '../bin/regression.js');
  try {
    const input = join(directory, 'w1.json');
    await writeWorkload('w1', lines, input);
    const config = join(directory, 'config.yaml');
    const without = join(directory, 'without.yaml');
    await writeFile(config, 'patterns: { enabled: true }\n');
    await writeFile(without, 'patterns: { enabled: false }\n');
    const importing = (path: string) => async () => {
      const dataDir = join(directory, 'data');
      const args = [program, 'import', input, '--json', '--data-dir', dataDir, '--config', path];
      const measured = await measureCommand(process.execPath, args);
      await rm(dataDir, { recursive: true });
      return measured;
    };
    const answers = await interleaved(rounds, { without: importing(without), with: importing(config) });
    const cpu = Object.entries(answers).map(([name, runs]) => ({
      name,
      seconds: spreadOf(runs.map(({ cpuSeconds }) => cpuSeconds)),
      wall: spreadOf(runs.map(({ wallSeconds }) => lines / wallSeconds)),
    }));
    const base = cpu[0]?.seconds.median ?? Number.NaN;
    const rows = cpu.map(({ name, seconds, wall }) => [
      `${name} patterns`,
      spreadText(wall),
      spreadText(seconds, 1),
      `${((seconds.median / base - 1) * 100).toFixed(0)} %`,
    ]);
    console.log(`import of ${lines.toLocaleString('en-US')} JSON lines, ${rounds} rounds\n`);
    console.log(tableText(['', 'lines/s', 'CPU seconds', 'more CPU'], rows));
  } finally {
    await rm(directory, { recursive: true });
  }
}

function cpuSecondsSince(startedAt: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(startedAt);
  return (user + system) / 1e6;
}
