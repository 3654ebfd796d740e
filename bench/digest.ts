/**
 * A nightly digest: `node bench/digest.ts [--rows 1000000] [--tokens 4000] [--rounds 10]`; needs `npm run build`.
 *
 * Imports two releases of one application (test/pattern/two-releases.ts: messages of real programs and 40 changes, traffic growing by half), then asks
 * a daemon for the digest of all rows, and of the second release's day: seconds, tokens, and how many injected new errors are in the text.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { RegressionClient } from '../src/client/client.ts';
import type { LogRecord } from '../src/record/log-record.ts';
import { programMessages } from '../test/pattern/program-messages.ts';
import { twoReleases } from '../test/pattern/two-releases.ts';
import { machineText, measureCommand, spreadOf, spreadText, tableText } from './measure.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    tokens: { type: 'string', default: '4000' },
    rounds: { type: 'string', default: '10' },
  },
});
const tokens = Number(values.tokens);
const machine = machineText();
const { baseline, target, injected, names } = twoReleases(1, Math.round(Number(values.rows) / 2.4), programMessages());
const program = join(import.meta.dirname, '../bin/regression.js');
const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
const dataDir = join(directory, 'data');

try {
  for (const [version, records] of Object.entries({ '1.4.1': baseline, '1.4.2': target })) {
    const path = join(directory, `${version}.json`);
    await writeFile(path, linesOf(records));
    const args = ['import', path, '--data-dir', dataDir, '--application', 'shop', '--app-version', version];
    await measureCommand(process.execPath, [program, ...args]);
  }
  const rows = (baseline.length + target.length).toLocaleString('en-US');
  console.log(`digest of ${rows} rows within ${tokens} tokens, ${values.rounds} times; ${machine}\n`);
  console.log(tableText(['span', 'seconds', 'tokens', 'new errors in it'], await withDaemon(digests)));
} finally {
  await rm(directory, { recursive: true });
}

function linesOf(records: readonly LogRecord[]): string {
  return records
    .map(
      ({ timestamp, severity, message }) => `${JSON.stringify({ time: timestamp, level: severity, msg: message })}\n`,
    )
    .join('');
}

async function withDaemon<Result>(work: (client: RegressionClient) => Promise<Result>): Promise<Result> {
  const config = join(directory, 'regression.yaml');
  await writeFile(config, JSON.stringify({ data_dir: dataDir, inputs: [], server: { listen: '127.0.0.1:0' } }));
  const daemon = spawn(process.execPath, [program, 'run', '--json', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [started] = (await once(daemon.stdout, 'data')) as [Buffer];
    const { server, adminTokenPath } = JSON.parse(started.toString()) as { server: string; adminTokenPath: string };
    const client = new RegressionClient({ url: server, token: (await readFile(adminTokenPath, 'utf8')).trim() });
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  } finally {
    daemon.kill();
    await once(daemon, 'exit');
  }
}

async function digests(client: RegressionClient): Promise<string[][]> {
  const newErrors = injected.filter(({ kind }) => kind === 'new error').map(({ name }) => name);
  const spans = {
    'all rows': { start: baseline[0]?.timestamp, end: '2026-11-26T00:00:00Z' },
    'the day of the second release': { start: target[0]?.timestamp, end: '2026-11-26T00:00:00Z' },
  };
  const table: string[][] = [];
  for (const [name, span] of Object.entries(spans)) {
    const seconds: number[] = [];
    let answer = { tokens: 0, text: '' };
    for (let round = 0; round < Number(values.rounds); round++) {
      const startedAtMs = performance.now();
      // Another budget each time: no answer comes from a cache.
      answer = await client.digest({ ...span, tokens: tokens - round });
      seconds.push((performance.now() - startedAtMs) / 1000);
    }
    const found = newErrors.filter((name) => isIn(answer.text, name));
    table.push([
      name,
      spreadText(spreadOf(seconds), 3),
      String(answer.tokens),
      `${found.length} of ${newErrors.length}`,
    ]);
  }
  return table;
}

/** One of its messages is there as an exemplar, in the section of what is new. */
function isIn(text: string, name: string): boolean {
  const [, news = ''] = /\n## (?:New errors|Errors first seen in this span)\n([^]*?)(?:\n## |$)/.exec(text) ?? [];
  const quotes = news.split('\n').map((line) => line.trim());
  return quotes.some((quote) => names.get(quote) === name || news.includes(`\`${name.replace(/^\w+: /, '')}\``));
}
