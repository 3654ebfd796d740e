/**
 * `regression doctor FILE`: why is this file's line (not) stored, and what to do. Without a file: does this host let the daemon do its
 * work (environment-checks.ts)?
 */
import type { BigIntStats } from 'node:fs';
import { open, readlink, stat as statPath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { InputsAnswer } from '../client/client.ts';
import type { Config } from '../config/schema.ts';
import { systemClock } from '../runtime/clock.ts';
import { RegressionError, messageOf, systemCodeOf } from '../runtime/errors.ts';
import { memoryBudget } from '../runtime/memory-budget.ts';
import type { Command, Surroundings } from './command.ts';
import { gapText } from './status-text.ts';

interface Flags {
  readonly file?: string | undefined;
}

/** What is seen of the file itself. */
interface Seen {
  readonly path: string;
  readonly stat: BigIntStats | null;
  /** Why it cannot be read, or would not be. */
  readonly problem: string | null;
  readonly code: string | null;
  /** Globs of inputs that name it, and those that take it out again. */
  readonly includedBy: readonly string[];
  readonly excludedBy: readonly string[];
  /** Paths that inputs name and whose rotation may have made this one. */
  readonly rotatedFrom: readonly string[];
}

export const doctor: Command<Flags> = {
  usage: 'doctor [file]',
  summary: "Does this host let the daemon do its work; or: why are a file's lines (not) stored. And what to do",
  positionals: {
    file: { type: 'string', describe: 'A log file, by the name the inputs know it; the environment without one' },
  },
  examples: [
    [
      'regression doctor',
      'permissions, inotify limits, disk, clock, ports, memory, receive buffers, and how to mend each',
    ],
    ['regression doctor /var/log/app/app.log', 'identity, positions, what is unread or lost, the next action'],
  ],
  async run(flags, surroundings) {
    const { openEndpoint } = await import('./endpoint.ts');
    const { effectiveConfig } = await import('./effective-config.ts');
    const { config } = await effectiveConfig(flags, surroundings);
    if (flags.file === undefined) return examineHost(config, flags.json ?? false, surroundings);
    const seen = await look(resolve(surroundings.cwd, flags.file), config);
    const endpoint = await openEndpoint({ command: 'doctor' }, flags, surroundings);
    try {
      const inode = seen.stat === null ? {} : { device: String(seen.stat.dev), inode: String(seen.stat.ino) };
      const answer = await endpoint.client.inputs({ path: seen.path, ...inode }, surroundings.signal);
      const advice = nextAction(seen, answer);
      surroundings.stdout.write(flags.json ? `${json(seen, answer, advice)}\n` : text(seen, answer, advice));
    } finally {
      await endpoint.close();
    }
  },
};

async function examineHost(config: Config, isJson: boolean, { stdout, env }: Surroundings): Promise<void> {
  const { environmentFindings } = await import('./environment-checks.ts');
  const findings = await environmentFindings(config, {
    procDir: '/proc',
    env,
    nowMs: systemClock.nowMs(),
    memory: memoryBudget(),
  });
  const lines = findings.map(({ check, outcome, says, mend }) => {
    return `${outcome.padEnd(8)}${check.padEnd(16)}${says}\n${mend === undefined ? '' : `${''.padEnd(24)}${mend}\n`}`;
  });
  stdout.write(isJson ? `${JSON.stringify({ findings })}\n` : lines.join(''));
  const failed = findings.filter(({ outcome }) => outcome === 'failed');
  if (failed.length === 0) return;
  throw new RegressionError(
    'CHECK_FAILED',
    `the daemon cannot do its work: ${failed.map(({ check }) => check).join(', ')}`,
  );
}

async function look(path: string, config: Config): Promise<Seen> {
  const { FileGlobs } = await import('../inputs/file/glob.ts');
  const { readAt, refusalOf } = await import('../inputs/file/fingerprint.ts');
  const files = config.inputs.filter((input) => input.type === 'file');
  const includedBy = files.flatMap(({ include }) => include.filter((glob) => new FileGlobs([glob]).matches(path)));
  const excludedBy = files.flatMap(({ exclude }) =>
    exclude.filter((glob) => new FileGlobs([], [glob]).isExcluded(path)),
  );
  const { originalsOf } = await import('../inputs/file/rotated-names.ts');
  const isNamed = (original: string): boolean =>
    files.some(({ include, exclude }) => new FileGlobs(include, exclude).matches(original));
  const known = { path, includedBy, excludedBy, rotatedFrom: originalsOf(path).filter(isNamed) };
  try {
    const stat = await statPath(path, { bigint: true });
    if (!stat.isFile()) return { ...known, stat, problem: 'it is not a regular file', code: null };
    await using file = await open(path);
    return { ...known, stat, problem: refusalOf(await readAt(file, 0, 1024)), code: null };
  } catch (error) {
    const target = await readlink(path).catch(() => null);
    const problem = target === null ? messageOf(error) : `it is a symbolic link to ${target} (${messageOf(error)})`;
    return { ...known, stat: null, problem, code: systemCodeOf(error) ?? null };
  }
}

/** One sentence: the first thing that stands between the file and its rows. */
function nextAction(seen: Seen, { is_running, files, generations, inputs, left_out }: InputsAnswer): string {
  const followed = files.find(({ path, state }) => path === seen.path && state === 'followed') ?? files[0];
  const [leftOut] = left_out;
  if (seen.code === 'ENOENT' && generations.length === 0)
    return 'There is no such file, and none is known: check the path.';
  if (seen.includedBy.length === 0) return ofNoInput(seen, files, generations);
  if (seen.excludedBy.length > 0)
    return `It is left out by exclude: ${seen.excludedBy.join(' ')}. Take that out to follow it.`;
  if ([seen.code, leftOut?.code].some((code) => code === 'EACCES' || code === 'EPERM'))
    return `It cannot be read: give the daemon's user read permission (setfacl -m u:USER:r ${seen.path}).`;
  if (!is_running) return 'The daemon is not running: start `regression run`; it goes on at the stored position.';
  if (leftOut !== undefined) return `The daemon does not follow it: ${leftOut.reason}.`;
  if (seen.code === 'ENOENT') return 'It is gone; what was read of it is stored. Nothing to do.';
  if (seen.problem !== null) return `It is not followed: ${seen.problem}.`;
  if (followed?.last_error)
    return `Reading fails (${followed.last_error}); it is tried again at every look. Remove the cause.`;
  if (followed === undefined) {
    const isRead = generations.some(({ is_ended, inode, offset }) => {
      return is_ended && inode === String(seen.stat?.ino) && offset === Number(seen.stat?.size);
    });
    if (isRead) return 'It has been read to its end and rotated; it is followed again if it grows. Nothing to do.';
    const isOwn = inputs.every(({ include }) => include === null);
    return isOwn
      ? 'The running daemon follows no files: does it run with this configuration?'
      : "It is not followed yet: the next look meets it. If it stays so, the daemon's own log says why.";
  }
  if (followed.unread_bytes > 0)
    return `${followed.unread_bytes} bytes are unread: the daemon is behind, ask again; if it stays so, see \`regression status\`.`;
  if (followed.waiting_bytes > 0) return 'All whole lines are handed on; the last line waits for its newline.';
  return 'Everything is read. Nothing to do.';
}

/** It may be read all the same: as what rotation made of a file that is named, or as the target of a link. */
function ofNoInput(seen: Seen, files: InputsAnswer['files'], generations: InputsAnswer['generations']): string {
  const known = files.find(({ path }) => path !== seen.path)?.path ?? generations.at(-1)?.path;
  if (known !== undefined) return `It is read, or was, as ${known}: \`regression doctor ${known}\` says how far.`;
  const [original] = seen.rotatedFrom;
  return original === undefined
    ? 'No input names it: add its path to inputs[].include, then restart the daemon.'
    : `Rotation may have made it of ${original}, which is followed: \`regression verify --sources\` says whether all of it is stored.`;
}

function json(seen: Seen, answer: InputsAnswer, advice: string): string {
  const { stat, includedBy, excludedBy, path, problem } = seen;
  return JSON.stringify({
    path,
    exists: stat !== null,
    size: stat === null ? null : Number(stat.size),
    device: stat === null ? null : String(stat.dev),
    inode: stat === null ? null : String(stat.ino),
    problem,
    included_by: includedBy,
    excluded_by: excludedBy,
    is_running: answer.is_running,
    watchers: answer.inputs.flatMap(({ watcher }) => (watcher === null ? [] : [watcher])),
    files: answer.files,
    left_out: answer.left_out,
    generations: answer.generations,
    gaps: answer.gaps,
    next_action: advice,
  });
}

function text(seen: Seen, answer: InputsAnswer, advice: string): string {
  const { stat, includedBy, excludedBy } = seen;
  const row = (name: string, value: string): string => `${name.padEnd(12)}${value}\n`;
  let out = row('file', seen.path);
  out += row(
    '',
    stat === null ? `cannot be read: ${seen.problem}` : `${stat.size} bytes, device ${stat.dev}, inode ${stat.ino}`,
  );
  out += row('named by', includedBy.length === 0 ? 'no input' : includedBy.join(' '));
  if (excludedBy.length > 0) out += row('excluded by', excludedBy.join(' '));
  for (const { watcher } of answer.inputs) {
    if (watcher !== null)
      out += row('watcher', watcher.kind === 'watching' ? 'woken by events' : `scanning alone: ${watcher.reason}`);
  }
  for (const file of answer.files) {
    out += row(file.state, `${file.real_path ?? file.path}, generation ${file.generation}`);
    out += row(
      '',
      `read to byte ${file.offset}, ${file.unread_bytes} unread, ${file.waiting_bytes} wait for a newline; ${file.encoding}${file.is_open ? '' : '; closed until it changes'}`,
    );
    if (file.last_error !== null) out += row('last error', file.last_error);
  }
  for (const known of answer.generations) {
    const range = known.start_offset > 0 ? `bytes ${known.start_offset} to ${known.offset}` : `to byte ${known.offset}`;
    out += row(
      'stored',
      `generation ${known.generation} ${range}: ${known.lines} lines in ${known.rows} rows${known.is_ended ? ', ended' : ''} (${known.updated_at})`,
    );
    out += row('', `inode ${known.device}:${known.inode}, known by its first ${known.fingerprint_bytes} bytes`);
  }
  for (const gap of answer.gaps) out += row('lost', gapText(gap));
  return out + row('next', advice);
}
