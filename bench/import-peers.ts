/**
 * The peers of import.ts that follow the same file: rsyslog and syslog-ng into a plain file, and syslog-ng into SQLite, as one wide row
 * and as the same job (a trigger writes the metadata rows). They run in the foreground until everything is there.
 */
import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Measurement, measureUntil } from './measure.ts';

const references = join(import.meta.dirname, 'references');
/** Debian's rsyslog and syslog-ng cannot be installed together: it is unpacked here (see .ci/run). */
const unpackedRsyslog = '/opt/rsyslog';

type Peer = (input: string, lines: number) => Promise<Measurement>;

export const peerNames = [
  'rsyslog, plain file',
  'syslog-ng, plain file',
  'syslog-ng, SQLite, one wide row',
  'syslog-ng, SQLite, the same job',
] as const;

/** Those that are installed, in the order of the table. */
export function installedPeers(): Readonly<Record<string, Peer>> {
  const hasSyslogNg = existsSync('/usr/sbin/syslog-ng');
  const hasSql = spawnSync('sh', ['-c', 'ls /usr/lib/syslog-ng/*/libafsql.so /usr/lib/*/dbd/libdbdsqlite3.so']);
  const rsyslog = rsyslogProgram();
  return {
    ...(rsyslog === null ? {} : { 'rsyslog, plain file': rsyslogFile(rsyslog) }),
    ...(hasSyslogNg ? { 'syslog-ng, plain file': syslogNgFile } : {}),
    ...(hasSyslogNg && hasSql.status === 0
      ? { 'syslog-ng, SQLite, one wide row': syslogNgSql(false), 'syslog-ng, SQLite, the same job': syslogNgSql(true) }
      : {}),
  };
}

function rsyslogProgram(): string | null {
  const programs = [`${unpackedRsyslog}/usr/sbin/rsyslogd`, '/usr/sbin/rsyslogd'];
  return programs.find((program) => existsSync(program)) ?? null;
}

function rsyslogFile(program: string): Peer {
  return (input, lines) =>
    inFresh(async (out) => {
      await mkdir(join(out, 'work'));
      const config = await configured('rsyslog-file.conf', input, out);
      const isUnpacked = program.startsWith(unpackedRsyslog);
      const modules = isUnpacked ? ['-M', `${unpackedRsyslog}/usr/lib/x86_64-linux-gnu/rsyslog`] : [];
      const args = ['-n', '-f', config, '-i', join(out, 'pid'), ...modules];
      return measureUntil(program, args, linesReached(join(out, 'rsy.out'), lines));
    });
}

const syslogNgFile: Peer = (input, lines) =>
  inFresh(async (out) => {
    const config = await configured('syslog-ng-file.conf', input, out);
    return measureUntil('/usr/sbin/syslog-ng', syslogNgArgs(config, out), linesReached(join(out, 'sng.out'), lines));
  });

function syslogNgSql(isSameJob: boolean): Peer {
  return (input, lines) =>
    inFresh(async (out) => {
      const config = await configured('syslog-ng-sqlite.conf', input, out);
      const database = join(out, 'syslog-ng.db');
      const ask = (sql: string): string => spawnSync('sqlite3', [database], { input: sql, encoding: 'utf8' }).stdout;
      if (isSameJob) ask(await readFile(join(references, 'syslog-ng-same-job.sql'), 'utf8'));
      // Only once the file has been made: the shell would make an empty one.
      const isDone = async (): Promise<boolean> =>
        existsSync(database) && Number(ask('SELECT coalesce(max(rowid), 0) FROM logs;')) >= lines;
      return measureUntil('/usr/sbin/syslog-ng', syslogNgArgs(config, out), isDone);
    });
}

function syslogNgArgs(config: string, out: string): string[] {
  const state = { '--persist-file': 'persist', '--pidfile': 'pid', '--control': 'ctl' };
  return ['-F', '-f', config, ...Object.entries(state).flatMap(([flag, name]) => [flag, join(out, name)])];
}

async function configured(name: string, input: string, out: string): Promise<string> {
  const text = await readFile(join(references, name), 'utf8');
  const path = join(out, name);
  await writeFile(path, text.replaceAll('@INPUT@', input).replaceAll('@OUT@', out));
  return path;
}

/** What a peer keeps in its buffer (rsyslog's 256 KiB) until it is ended: the last lines, of which it has then made all that counts. */
const bufferedLines = 1000;

/** Whether the file holds so many lines, but for those in a buffer; what has been counted is not read again. */
function linesReached(path: string, wanted: number): () => Promise<boolean> {
  let lines = 0;
  let start = 0;
  return async () => {
    if (!existsSync(path)) return false;
    for await (const chunk of createReadStream(path, { start, highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      start += chunk.length;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
    }
    return lines >= wanted - bufferedLines;
  };
}

async function inFresh(run: (out: string) => Promise<Measurement>): Promise<Measurement> {
  const out = await mkdtemp(join(tmpdir(), 'regression-bench-'));
  try {
    return await run(out);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}
