/**
 * One process per data directory, by a lock that dies with its process.
 *
 * The lock is a Unix socket somebody listens on: `<dataDir>/daemon.sock`. A kill closes it, so a socket nobody answers is
 * stale and may be replaced; whoever connects is told who holds it. Lock files and pids can do neither: a pid is reused, and
 * Node has no flock. The path is reached through /proc/self/fd, because socket addresses hold 107 bytes at most (unix(7)).
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, link, open, rename, unlink } from 'node:fs/promises';
import { type Server, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { RegressionError, messageOf, systemCodeOf } from './errors.ts';

export const lockName = 'daemon.sock';

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

/** Who holds `dataDir` now; null when nobody does, or the directory is not there. */
export async function probeDataDir(dataDir: string): Promise<LockHolder | null> {
  const directory = await open(dataDir).catch(() => null);
  if (directory === null) return null;
  try {
    return await askHolder(socketPath(directory, dataDir, lockName));
  } finally {
    await directory.close();
  }
}

/**
 * Takes the lock, replacing a stale one.
 * @throws RegressionError `DATA_DIR_LOCKED` naming the holder's pid; `DATA_DIR_UNUSABLE` when no socket can be made there.
 */
export async function lockDataDir(dataDir: string, command: string): Promise<DataDirLock> {
  const directory = await open(dataDir).catch((error: unknown) => {
    throw unusable(dataDir, error);
  });
  const ownName = `.${lockName}.${randomUUID().slice(0, 8)}`;
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
      await unlink(join(dataDir, lockName)).catch(() => undefined); // the directory itself may be gone
      await new Promise((resolve) => listener.close(resolve));
      await directory.close();
    },
  };
}

/** Links our listening socket to the lock's name: link(2) is atomic and fails when the name exists. */
async function claim(directory: FileHandle, dataDir: string, ownName: string): Promise<void> {
  const lockPath = join(dataDir, lockName);
  for (let attempt = 0; attempt < 10; attempt++) {
    try {
      await link(join(dataDir, ownName), lockPath);
      await unlink(join(dataDir, ownName));
      return;
    } catch (error) {
      if (systemCodeOf(error) !== 'EEXIST') throw error;
    }
    const holder = await askHolder(socketPath(directory, dataDir, lockName));
    if (holder !== null) throw lockedBy(holder, dataDir);
    await removeStale(directory, dataDir, lockPath);
  }
  throw new RegressionError('DATA_DIR_LOCKED', `other processes keep taking ${dataDir}`, { retryable: true });
}

/**
 * Between our asking and our removing, another starter may have put a live socket there. So the socket is moved aside first
 * and asked again under its new name; a live one is put back.
 */
async function removeStale(directory: FileHandle, dataDir: string, lockPath: string): Promise<void> {
  const asideName = `.${lockName}.stale-${randomUUID().slice(0, 8)}`;
  const asidePath = join(dataDir, asideName);
  try {
    await rename(lockPath, asidePath);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return; // somebody else removed it
    throw error;
  }
  const holder = await askHolder(socketPath(directory, dataDir, asideName));
  if (holder !== null) {
    await link(asidePath, lockPath).catch(() => undefined);
    await unlink(asidePath);
    throw lockedBy(holder, dataDir);
  }
  await unlink(asidePath);
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
