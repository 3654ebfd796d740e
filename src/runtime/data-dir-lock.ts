/**
 * One process per data directory, by a lock that dies with its process.
 *
 * The lock is a Unix socket somebody listens on: `<dataDir>/daemon.<number>.sock`. A kill closes it, and whoever connects is told
 * who holds it. Lock files and pids can do neither: a pid is reused, and Node has no flock. The path is reached through
 * /proc/self/fd, because socket addresses hold 107 bytes at most (unix(7)).
 *
 * A socket that nobody answers is never replaced, only succeeded: the next holder links its own under the next number, which
 * link(2) gives to one process alone. A dead socket stays dead, so whoever holds a number knows that every lower one is free; the
 * highest is never removed, or a late starter would begin to count anew.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, open, readdir, unlink } from 'node:fs/promises';
import { type Server, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { RegressionError, messageOf, systemCodeOf } from './errors.ts';

const namePattern = /^daemon\.([1-9]\d*)\.sock$/;
const maxAttempts = 100;
const nameOf = (number: number): string => `daemon.${number}.sock`;

/** Who holds a data directory. */
export interface LockHolder {
  /** 0 when the holder accepted the connection but did not say who it is within a second (it is busy). */
  readonly pid: number;
  /** `run`, `import`: the command that holds it. */
  readonly command: string;
  /** Base URL of the holder's query endpoint; null when it serves none (yet). */
  readonly server: string | null;
}

export interface DataDirLock {
  /** What the holder tells those who ask. */
  announce(server: string | null): void;
  /** Idempotent. */
  release(): Promise<void>;
}

/**
 * Who holds `dataDir` now; null when nobody does, or the directory is not there.
 * @throws RegressionError `DATA_DIR_UNUSABLE` when it is no directory, or another user's.
 */
export async function probeDataDir(dataDir: string): Promise<LockHolder | null> {
  const directory = await open(dataDir, constants.O_RDONLY | constants.O_DIRECTORY).catch((error: unknown) => {
    const code = systemCodeOf(error);
    if (code === 'ENOENT') return null;
    const hint =
      code === 'EACCES'
        ? "It is its owner's alone: ask as that user or as root, or over HTTP with a token."
        : 'Choose another directory with --data-dir.';
    const message = `cannot look into ${dataDir}: ${messageOf(error)}`;
    throw new RegressionError('DATA_DIR_UNUSABLE', message, { cause: error, hint });
  });
  if (directory === null) return null;
  try {
    const number = await highestNumber(dataDir);
    return number === 0 ? null : await askHolder(socketPath(directory, dataDir, nameOf(number)));
  } finally {
    await directory.close();
  }
}

/**
 * Takes the lock, succeeding a stale one.
 * @throws RegressionError `DATA_DIR_LOCKED` naming the holder's pid; `DATA_DIR_UNUSABLE` when no socket can be made there.
 */
export async function lockDataDir(dataDir: string, command: string): Promise<DataDirLock> {
  const directory = await open(dataDir).catch((error: unknown) => {
    throw unusable(dataDir, error);
  });
  const ownName = `.daemon.${randomUUID().slice(0, 8)}.sock`;
  let server: string | null = null;
  const listener = createServer((socket) => {
    socket.on('error', () => undefined); // the asker went away: its business
    socket.end(`${JSON.stringify({ pid: process.pid, command, server } satisfies LockHolder)}\n`);
  });
  try {
    await listen(listener, socketPath(directory, dataDir, ownName));
    listener.unref();
    await claim(directory, dataDir, ownName);
  } catch (error) {
    listener.close();
    await unlink(join(dataDir, ownName)).catch(() => undefined);
    await directory.close();
    throw error instanceof RegressionError ? error : unusable(dataDir, error);
  }

  let isReleased = false;
  return {
    announce(url) {
      server = url;
    },
    async release() {
      if (isReleased) return;
      isReleased = true;
      await new Promise((resolve) => listener.close(resolve));
      await directory.close();
    },
  };
}

/** Gives our listening socket the number behind the highest, if the holder of that one is dead. */
async function claim(directory: FileHandle, dataDir: string, ownName: string): Promise<void> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const highest = await highestNumber(dataDir);
    const holder = highest === 0 ? null : await askHolder(socketPath(directory, dataDir, nameOf(highest)));
    if (holder !== null) throw lockedBy(holder, dataDir);
    const claimed = highest + 1;
    try {
      await link(join(dataDir, ownName), join(dataDir, nameOf(claimed)));
    } catch (error) {
      if (systemCodeOf(error) === 'EEXIST') continue; // another starter was quicker
      throw error;
    }
    // A directory that changes while it is read may hide an entry: a number that turns out not to be the highest is given back.
    if ((await highestNumber(dataDir)) > claimed) {
      await unlink(join(dataDir, nameOf(claimed)));
      continue;
    }
    await unlink(join(dataDir, ownName));
    await removeBelow(dataDir, highest);
    return;
  }
  throw new RegressionError('DATA_DIR_LOCKED', `other processes keep taking ${dataDir}`, { retryable: true });
}

/** 0 when no lock has ever been taken. */
async function highestNumber(dataDir: string): Promise<number> {
  return Math.max(0, ...(await readdir(dataDir)).map((name) => Number(namePattern.exec(name)?.[1] ?? 0)));
}

/** Our predecessor's name stays until our successor comes: somebody may be about to ask it. */
async function removeBelow(dataDir: string, predecessor: number): Promise<void> {
  for (const name of await readdir(dataDir)) {
    const number = Number(namePattern.exec(name)?.[1] ?? predecessor);
    if (number < predecessor) await unlink(join(dataDir, name)).catch(() => undefined); // gone already is as good
  }
}

/** Null when nobody listens at `path`. */
function askHolder(path: string): Promise<LockHolder | null> {
  const silent: LockHolder = { pid: 0, command: 'unknown', server: null };
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(path);
    socket.setTimeout(1000, () => {
      socket.destroy();
      resolve(silent);
    });
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('end', () => resolve(parseHolder(answer) ?? silent));
    socket.on('error', (error) => {
      const code = systemCodeOf(error);
      resolve(code === 'ECONNREFUSED' || code === 'ENOENT' || code === 'ENOTSOCK' ? null : silent);
    });
  });
}

function parseHolder(answer: string): LockHolder | null {
  try {
    return JSON.parse(answer) as LockHolder;
  } catch {
    return null; // cut off while the holder was stopping: it still counts as held
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function socketPath(directory: FileHandle, dataDir: string, name: string): string {
  const direct = join(dataDir, name);
  return Buffer.byteLength(direct) <= 107 ? direct : `/proc/self/fd/${directory.fd}/${name}`;
}

function lockedBy(holder: LockHolder, dataDir: string): RegressionError {
  const who = holder.pid === 0 ? 'another process' : `\`regression ${holder.command}\` (pid ${holder.pid})`;
  return new RegressionError('DATA_DIR_LOCKED', `${who} is using ${dataDir}`, {
    hint: 'One process at a time may own a data directory: stop it, or choose another with --data-dir.',
  });
}

function unusable(dataDir: string, error: unknown): RegressionError {
  return new RegressionError('DATA_DIR_UNUSABLE', `cannot lock ${dataDir}: ${messageOf(error)}`, {
    cause: error,
    hint: 'The data directory must exist on a local file system where this user may create files and Unix sockets.',
  });
}
