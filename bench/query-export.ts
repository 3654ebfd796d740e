/**
 * Rows with their metadata out as NDJSON: in one answer and page by page over HTTP, against the native sqlite3 shell (`-json`) reading the same rows from the same
 * files. `node bench/query-export.ts [--rows 1000000] [--count 300000] [--rounds 3] [--data DIR]`; needs `npm run build` and sqlite3.
 *
 * Half of the rows are in sealed segments, half in the hot file. Nothing else runs: no rows come in. Both sides' text
 * is read to its end by this program and dropped.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { request } from 'undici';
import { interleaved, machineText, spreadOf, spreadText, tableText, usageOf } from './measure.ts';
import { type Ground, groundFlags, openGround, sealedShare } from './query-ground.ts';

const { values } = parseArgs({
  options: {
    rows: groundFlags.rows,
    data: groundFlags.data,
    count: { type: 'string', default: '300000' },
    rounds: { type: 'string', default: '3' },
  },
});
const machine = machineText();
const count = Number(values.count);

interface Export {
  readonly rows: number;
  readonly bytes: number;
  readonly seconds: number;
  /** Of the program that reads the rows, not of this one. */
  readonly cpuSeconds: number;
}

async function overHttp(ground: Ground, firstId: number, pageRows: number): Promise<Export> {
  const cpuBefore = usageOf(ground.pid)?.cpuSeconds ?? Number.NaN;
  const startedAtMs = performance.now();
  const headers = { authorization: `Bearer ${ground.token}` };
  let [afterId, bytes] = [firstId - 1, 0];
  while (afterId < firstId - 1 + count) {
    const limit = Math.min(pageRows, firstId - 1 + count - afterId);
    const path = `/api/v1/logs?order=arrival&format=ndjson&limit=${limit}&after_id=${afterId}`;
    const { statusCode, body } = await request(`${ground.url}${path}`, { headers });
    let end = Buffer.alloc(0);
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      end = Buffer.concat([end, chunk.subarray(-200)]).subarray(-200);
    }
    const isWhole = end.includes(`{"_end":true,"rows":${limit},`);
    if (statusCode !== 200 || !isWhole) throw new Error(`${path}: ${statusCode} ${end.toString()}`);
    afterId += limit; // ids have no holes here, and the shell counts the rows
  }
  const seconds = (performance.now() - startedAtMs) / 1000;
  return { rows: count, bytes, seconds, cpuSeconds: (usageOf(ground.pid)?.cpuSeconds ?? Number.NaN) - cpuBefore };
}

async function byShell(files: readonly string[], firstId: number): Promise<Export> {
  const shell = spawn('sqlite3', [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const startedAtMs = performance.now();
  const statement = `SELECT log.id, log.timestamp, log.severity, a.name AS application, a.version, a.environment, log.source, log.message,
    (SELECT json_group_object(metadata_type, metadata_value) FROM logs_metadata WHERE id BETWEEN log.id * 1024 AND log.id * 1024 + 1023) AS metadata
    FROM logs log JOIN applications a ON a.id = log.application_id WHERE log.id BETWEEN ${firstId} AND ${firstId + count - 1} ORDER BY log.id;`;
  shell.stdin.end(`.mode json\n${files.map((file) => `.open --readonly ${file}\n${statement}\n`).join('')}`);
  let [rows, bytes, cpuSeconds] = [0, 0, 0];
  for await (const chunk of shell.stdout as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) rows++; // a row ends with the line
    cpuSeconds = usageOf(shell.pid ?? 0)?.cpuSeconds ?? cpuSeconds;
  }
  const seconds = (performance.now() - startedAtMs) / 1000;
  if (shell.exitCode === null) await once(shell, 'exit');
  if (rows !== count) throw new Error(`the shell gave ${rows} rows, not ${count}`);
  return { rows, bytes, seconds, cpuSeconds };
}

await using ground = await openGround({ rows: Number(values.rows), perSecond: 0, kept: values.data });
const segments = join(ground.prepared, 'segments');
const sealed = (await readdir(segments)).filter((name) => name.endsWith('.db')).toSorted();
// Not the daemon's own hot file: a shell that closes it deletes its WAL.
const files = [...sealed.map((name) => join(segments, name)), join(ground.prepared, 'regression.db')];
const firstId = Math.max(Math.round(Number(values.rows) * sealedShare - count / 2), 1);
const outcomes = await interleaved(Number(values.rounds), {
  'sqlite3 -json': () => byShell(files, firstId),
  'HTTP, one answer': () => overHttp(ground, firstId, count),
  'HTTP, 10,000 rows a page': () => overHttp(ground, firstId, 10_000),
  'HTTP, 1,000 rows a page': () => overHttp(ground, firstId, 1000),
});
const rates = (of: readonly Export[]): readonly number[] => of.map(({ rows, seconds }) => rows / seconds);
const shellRate = spreadOf(rates(outcomes['sqlite3 -json'])).median;
console.log(`${count.toLocaleString('en-US')} rows of ${values.rows}, ${values.rounds} rounds; ${machine}\n`);
console.log(
  tableText(
    ['way', 'logs/s', 'CPU us a log', 'bytes a log', 'its logs/s / the shell'],
    Object.entries(outcomes).map(([name, runs]) => [
      name,
      spreadText(spreadOf(rates(runs))),
      spreadText(spreadOf(runs.map(({ cpuSeconds, rows }) => (cpuSeconds / rows) * 1e6)), 1),
      spreadText(spreadOf(runs.map(({ bytes, rows }) => bytes / rows))),
      (spreadOf(rates(runs)).median / shellRate).toFixed(2),
    ]),
  ),
);
