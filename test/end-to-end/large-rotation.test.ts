/**
 * Much that is unread when its file rotates away: the daemon is stopped (SIGSTOP) while it happens, as one that cannot keep up, and
 * reads on when it wakes. Every line is there once.
 */
import { createHash } from 'node:crypto';
import { open, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type Test, test } from 'tap';
import { clientOf, startDaemon, writeConfig } from '../daemon-process.ts';
import { openDatabases } from '../store/open-sqlite.ts';
import { tempDir } from '../temp-dir.ts';

const MB = 1e6;
/** `F1=200`: the whole of it. */
const unreadBytes = Number(process.env['F1'] ?? 70) * MB;
/** Long lines: what is tested is bytes that are not read yet, and few rows take less time. */
const lineBytes = 4000;

const padding = 'x'.repeat(lineBytes);
const lineOf = (number: number): string => {
  const body = `n=${number} crc=${createHash('md5').update(String(number)).digest('hex')} `;
  return `${body}${padding.slice(0, lineBytes - 1 - body.length)}`;
};

/** Appends lines `from` and on until so many bytes are there; answers the number of the next line. */
async function appendMuch(path: string, from: number, bytes: number): Promise<number> {
  const file = await open(path, 'a');
  let number = from;
  for (const end = from + bytes / lineBytes; number < end;) {
    const upTo = Math.min(end, number + 250);
    let text = '';
    for (; number < upTo; number++) text += `${lineOf(number)}\n`;
    await file.appendFile(text);
  }
  await file.close();
  return number;
}

async function startFollowing(t: Test, more = '') {
  const directory = await tempDir(t);
  const log = join(directory, 'app.log');
  await writeFile(log, `${lineOf(0)}\n`);
  const config = await writeConfig(directory, [`${log}*`], more);
  const daemon = startDaemon(t, ['--config', config, '--log-level', 'error']);
  const client = await clientOf(await daemon.started);
  const untilStored = async (rows: number): Promise<void> => {
    while ((await client.logs({ limit: 1 })).stats.last_id < rows) await delay(50);
  };
  await untilStored(1);
  const end = async (): Promise<string[]> => {
    await client.close();
    const { code } = await daemon.kill('SIGTERM');
    t.equal(code, 0);
    return openDatabases(t, join(directory, 'data')).flatMap((database) =>
      database.all<{ message: string }>('SELECT message FROM logs ORDER BY id').map(({ message }) => message),
    );
  };
  return { log, daemon, client, untilStored, end };
}

function isEachInOrder(messages: readonly string[], count: number): boolean {
  return messages.length === count && messages.every((message, index) => message === lineOf(index));
}

const timeout = { timeout: 120_000 };

void test(
  'renamed, packed and deleted with 50 MB unread: each line once, though the packed file is followed too (F5)',
  timeout,
  async (t) => {
    const { log, daemon, client, untilStored, end } = await startFollowing(t);
    process.kill(daemon.pid, 'SIGSTOP');
    const count = await appendMuch(log, 1, 50 * MB);
    const { atime, mtime } = await stat(log);
    await writeFile(`${log}.1.gz`, gzipSync(await readFile(log), { level: 1 }));
    await utimes(`${log}.1.gz`, atime, mtime);
    await unlink(log);
    await writeFile(log, `${lineOf(count)}\n`);
    process.kill(daemon.pid, 'SIGCONT');
    await untilStored(count + 1);
    const { gaps } = await client.inputs();
    const messages = await end();

    const byNumber = messages.toSorted((a, b) => Number(/\d+/.exec(a)?.[0]) - Number(/\d+/.exec(b)?.[0]));
    t.ok(isEachInOrder(byNumber, count + 1), `each of ${count + 1} lines once (${messages.length} rows)`);
    t.strictSame(gaps, []);
  },
);

/** Of the whole daemon, at any time. */
const mostMiB = 256;

void test('renamed with much unread: each line once, in order, within 256 MiB of memory (F1)', timeout, async (t) => {
  // Segments of a size that are sealed while the rest is read, as those of 128 MiB are when 200 MB are.
  const { log, daemon, untilStored, end } = await startFollowing(t, 'tasks: { rotate: { max_size: 64MiB } }');
  process.kill(daemon.pid, 'SIGSTOP');
  const count = await appendMuch(log, 1, unreadBytes);
  await rename(log, `${log}.1`);
  await writeFile(log, `${lineOf(count)}\n`);
  process.kill(daemon.pid, 'SIGCONT');
  await untilStored(count + 1);
  const peakMiB = await peakMiBOf(daemon.pid);
  const messages = await end();

  // The new file's line may come first; those of the old one come in their order.
  const last = lineOf(count);
  t.ok(isEachInOrder([...messages.filter((line) => line !== last), last], count + 1), `${messages.length} rows`);
  t.equal(messages.length, count + 1);
  t.ok(peakMiB <= mostMiB, `${peakMiB} MiB at most`);
});

async function peakMiBOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}
