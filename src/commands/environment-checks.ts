/**
 * What `regression doctor` looks at when no file is named: whether this host lets the daemon do what its configuration asks. Changes
 * nothing. Each finding that is not fine says how to mend it.
 */
import { constants } from 'node:fs';
import { access, readFile, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config, InputConfig } from '../config/schema.ts';
import { FileGlobs, type FoundFiles } from '../inputs/file/glob.ts';
import { messageOf, systemCodeOf } from '../runtime/errors.ts';
import { neededBytes } from '../runtime/memory-budget.ts';
import { daemonOf, dataDirectory, disk, taskDirectories } from './data-dir-checks.ts';
import type { Finding, Host } from './finding.ts';
import { listeningPlaces } from './listening-checks.ts';
import { namedFiles } from './named-files.ts';
import { upstreams } from './upstreams.ts';

const MiB = 1024 * 1024;
/** Nobody has installed this before. */
const earliestMs = Date.parse('2026-11-01T00:00:00Z');
const toleratedSkewMs = 60_000;
const shownPaths = 5;

export async function environmentFindings(config: Config, host: Host): Promise<Finding[]> {
  const { daemon, mayRun } = await daemonOf(config.data_dir);
  const found = await filesOf(config.inputs);
  const findings = await Promise.all([
    dataDirectory(config.data_dir),
    disk(config.data_dir),
    taskDirectories(config.tasks),
    clock(config.data_dir, host),
    readable(found),
    namedFiles(config, host),
    upstreams(config.sinks),
    inotify(found, host),
    openFiles(found, host),
    // The daemon that runs holds the ports itself.
    mayRun ? [] : listeningPlaces(config),
    receiveBuffers(config.inputs, host),
  ]);
  return [daemon, memory(host), ...findings.flat()];
}

function memory({ memory: { limitBytes, isSmall } }: Host): Finding {
  const check = 'memory';
  if (limitBytes === null) return { check, outcome: 'ok', says: 'no limit is set for what is run here' };
  const says = `what is run here may take ${Math.floor(limitBytes / MiB).toLocaleString('en-US')} MiB`;
  if (!isSmall) return { check, outcome: 'ok', says };
  if (limitBytes >= neededBytes)
    return { check, outcome: 'ok', says: `${says}; caches and queues are made smaller for it` };
  const mend = `Grant it ${neededBytes / MiB} MiB at least: MemoryMax= in the unit, resources.limits.memory, or docker run --memory.`;
  return { check, outcome: 'failed', says, mend };
}

async function clock(dataDir: string, { nowMs }: Host): Promise<Finding[]> {
  const check = 'clock';
  const now = new Date(nowMs).toISOString();
  const mend = 'Set it, and keep it set: timedatectl set-ntp true, or chrony.';
  if (nowMs < earliestMs) return [{ check, outcome: 'failed', says: `it is ${now}, which is long ago`, mend }];
  const names = await readdir(dataDir).catch(() => []);
  const times = await Promise.all(
    names.map((name) =>
      stat(join(dataDir, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  const newest = Math.max(0, ...times);
  if (newest <= nowMs + toleratedSkewMs) return [{ check, outcome: 'ok', says: `it is ${now}` }];
  const says = `it is ${now}, but the data directory was written at ${new Date(newest).toISOString()}`;
  return [{ check, outcome: 'warning', says, mend }];
}

/** What one file input would follow. */
interface InputFiles extends FoundFiles {
  readonly globs: string;
}

async function filesOf(inputs: readonly InputConfig[]): Promise<InputFiles[]> {
  const found = inputs.map(async (input): Promise<InputFiles[]> => {
    if (input.type !== 'file') return [];
    return [{ ...(await new FileGlobs(input.include, input.exclude).find()), globs: input.include.join(' ') }];
  });
  return (await Promise.all(found)).flat();
}

async function readable(found: readonly InputFiles[]): Promise<Finding[]> {
  const check = 'files';
  const findings = found.map(async ({ paths, problems, globs }): Promise<Finding> => {
    const refused = await Promise.all(
      paths.map((path) =>
        access(path, constants.R_OK).then(
          () => null,
          (error: unknown) => ({ path, error }),
        ),
      ),
    );
    const failing = [...problems, ...refused.filter((file) => file !== null)];
    if (failing.length === 0 && paths.length === 0) {
      const mend = 'Check inputs[].include; a file that appears there is followed.';
      return { check, outcome: 'warning', says: `there is none of ${globs}`, mend };
    }
    if (failing.length === 0) return { check, outcome: 'ok', says: `${paths.length} of ${globs} can be read` };
    const named = failing
      .slice(0, shownPaths)
      .map(({ path, error }) => `${path} (${systemCodeOf(error) ?? messageOf(error)})`);
    const more = failing.length > named.length ? ` and ${failing.length - named.length} more` : '';
    const mend =
      "Let the daemon's user read: usermod -aG adm USER, or setfacl -m u:USER:rX PATH; or exclude what it must not read.";
    return { check, outcome: 'warning', says: `cannot be read: ${named.join(', ')}${more}`, mend };
  });
  return Promise.all(findings);
}

async function inotify(found: readonly InputFiles[], { procDir }: Host): Promise<Finding[]> {
  const check = 'inotify';
  if (found.length === 0) return [];
  const watches = await numberIn(join(procDir, 'sys/fs/inotify/max_user_watches'));
  const instances = await numberIn(join(procDir, 'sys/fs/inotify/max_user_instances'));
  if (watches === null || instances === null) {
    return [
      {
        check,
        outcome: 'warning',
        says: 'its limits cannot be read',
        mend: 'Nothing needs to be done: files are found by scanning.',
      },
    ];
  }
  const directories = new Set(found.flatMap(({ paths }) => paths.map((path) => dirname(path)))).size;
  const says = `${watches.toLocaleString('en-US')} watches for ${directories} directories, ${instances} instances`;
  // One watch a directory and one instance an input; other programs of the user count as well.
  if (watches >= 2 * directories && instances >= 2 * found.length) return [{ check, outcome: 'ok', says }];
  const mend =
    'sysctl -w fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=1024, for good in /etc/sysctl.d. Until then files are found by scanning.';
  return [{ check, outcome: 'warning', says, mend }];
}

async function openFiles(found: readonly InputFiles[], { procDir }: Host): Promise<Finding[]> {
  const check = 'open files';
  const limits = await readFile(join(procDir, 'self/limits'), 'utf8').catch(() => '');
  const limit = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.NaN);
  if (Number.isNaN(limit)) return [];
  const count = found.reduce((sum, { paths }) => sum + paths.length, 0);
  const says = `a process may have ${limit.toLocaleString('en-US')}, ${count.toLocaleString('en-US')} are to be followed`;
  if (limit >= 1024 && limit >= count) return [{ check, outcome: 'ok', says }];
  const mend = 'LimitNOFILE=65536 in the unit, or ulimit -n. Files at rest are closed and opened again until then.';
  return [{ check, outcome: 'warning', says, mend }];
}

async function receiveBuffers(inputs: readonly InputConfig[], { procDir }: Host): Promise<Finding[]> {
  const wanted = Math.max(
    0,
    ...inputs.map((input) =>
      input.type === 'syslog' && input.listen.startsWith('udp:') ? input.receive_buffer_bytes : 0,
    ),
  );
  const most = await numberIn(join(procDir, 'sys/net/core/rmem_max'));
  if (wanted === 0 || most === null) return [];
  const check = 'receive buffer';
  const says = `the kernel grants ${most.toLocaleString('en-US')} of ${wanted.toLocaleString('en-US')} bytes to a UDP input`;
  if (most >= wanted) return [{ check, outcome: 'ok', says }];
  const mend = `sysctl -w net.core.rmem_max=${wanted}, for good in /etc/sysctl.d: bursts of datagrams are dropped by the kernel until then.`;
  return [{ check, outcome: 'warning', says, mend }];
}

/** Null when the file is not there or holds no number. */
async function numberIn(path: string): Promise<number | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return /^\d+\s*$/.test(text) ? Number(text) : null;
}
