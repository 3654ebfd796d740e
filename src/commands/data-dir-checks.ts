/** What `regression doctor` says of the data directory: whose it is, who uses it, how much room there is. */
import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Config } from '../config/schema.ts';
import { probeDataDir } from '../runtime/data-dir-lock.ts';
import { messageOf, systemCodeOf } from '../runtime/errors.ts';
import type { Finding } from './finding.ts';

const MiB = 1024 * 1024;
/** Rotation and backups make copies; below this they begin to fail. */
const wantedFreeBytes = 1024 * MiB;
const neededFreeBytes = 100 * MiB;

/** @returns `mayRun` when one runs there, or nobody can tell. */
export async function daemonOf(dataDir: string): Promise<{ daemon: Finding; mayRun: boolean }> {
  const check = 'daemon';
  try {
    const holder = await probeDataDir(dataDir);
    if (holder !== null) {
      const says = `\`regression ${holder.command}\` runs as pid ${holder.pid}`;
      return { daemon: { check, outcome: 'ok', says }, mayRun: true };
    }
    const mend = 'Start it: regression run, or systemctl start regression.';
    return { daemon: { check, outcome: 'warning', says: 'is not running', mend }, mayRun: false };
  } catch (error) {
    const says = `whether it runs cannot be told: ${messageOf(error)}`;
    return { daemon: { check, outcome: 'warning', says, mend: 'See the data directory below.' }, mayRun: true };
  }
}

export async function dataDirectory(dataDir: string): Promise<Finding[]> {
  const check = 'data directory';
  const uid = process.getuid?.() ?? 0;
  const place = await nearestExisting(dataDir);
  const { mode, uid: owner } = await stat(place);
  const refusal = await refusalOf(place);
  if (refusal !== null) {
    const give = `Give it to the daemon's user: install -d -m 700 -o ${uid} ${dataDir}; or choose another with --data-dir.`;
    const isOthers = place === dataDir && owner !== uid;
    const mend = isOthers ? `It belongs to uid ${owner}: look as that user, or as root. ${give}` : give;
    return [{ check, outcome: 'failed', says: refusal, mend }];
  }
  if (place !== dataDir) return [{ check, outcome: 'ok', says: `${dataDir} is made at the first start` }];
  if ((mode & 0o077) === 0) return [{ check, outcome: 'ok', says: `${dataDir} can be written, by its owner alone` }];
  const says = `${dataDir} is open to other users of this host (mode ${(mode & 0o777).toString(8)})`;
  return [{ check, outcome: 'warning', says, mend: `chmod 700 ${dataDir}` }];
}

export async function disk(dataDir: string): Promise<Finding[]> {
  const check = 'disk';
  const { bavail, bsize, files: inodes, ffree } = await statfs(await nearestExisting(dataDir));
  const free = bavail * bsize;
  const says = `${Math.floor(free / MiB).toLocaleString('en-US')} MiB free for ${dataDir}`;
  const mend =
    'Make room, or bound what is kept: tasks.prune.max_total_size, tasks.prune.max_age, tasks.prune.min_free.';
  if (inodes > 0 && ffree === 0) return [{ check, outcome: 'failed', says: `no inodes are left for ${dataDir}`, mend }];
  if (free < neededFreeBytes) return [{ check, outcome: 'failed', says, mend }];
  return [free < wantedFreeBytes ? { check, outcome: 'warning', says, mend } : { check, outcome: 'ok', says }];
}

/** Where tasks write beside the data directory: else the first backup says so, at night. */
export async function taskDirectories({ backup, archive }: Config['tasks']): Promise<Finding[]> {
  const named = [
    { option: 'tasks.backup.dir', dir: backup.dir },
    { option: 'tasks.archive.dir', dir: archive.dir },
  ];
  const findings = named.map(async ({ option, dir }): Promise<Finding[]> => {
    if (dir === undefined) return [];
    const check = 'task directory';
    const path = resolve(dir);
    const refusal = await refusalOf(await nearestExisting(path));
    if (refusal === null) return [{ check, outcome: 'ok', says: `${option}: ${path} can be written` }];
    const mend = `Give it to the daemon's user: install -d -m 700 -o ${process.getuid?.() ?? 0} ${path}; or change ${option}.`;
    return [{ check, outcome: 'failed', says: `${option}: ${refusal}`, mend }];
  });
  return (await Promise.all(findings)).flat();
}

/** Null for a directory that can be written. */
async function refusalOf(place: string): Promise<string | null> {
  if (!(await stat(place)).isDirectory()) return `${place} is no directory`;
  return access(place, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => null,
    (error: unknown) => `${place} cannot be written (${systemCodeOf(error)})`,
  );
}

async function nearestExisting(path: string): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere || path === '/' ? path : nearestExisting(dirname(path));
}
