/** `regression import`: whole files into the store, once, through the pipeline of the daemon. */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { Config } from '../config/schema.ts';
import { applicationHintOf } from '../inputs/file/application-hint.ts';
import { type WholeFile, linesOf, openWholeFile, refusalOfFile } from '../inputs/file/whole-file.ts';
import { fingerprintOf } from '../inputs/file/fingerprint.ts';
import { KnownGenerations } from '../inputs/file/known-generations.ts';
import type { LocalPipeline } from '../local-pipeline.ts';
import type { FilePosition } from '../record/batch.ts';
import { systemClock } from '../runtime/clock.ts';
import { RegressionError, messageOf } from '../runtime/errors.ts';
import type { Command, CommonFlags, Surroundings } from './command.ts';
import { ProgressBar } from './progress-bar.ts';
import { sourceFlags, sourceOf, type SourceFlags } from './source-flags.ts';

interface Flags extends SourceFlags {
  readonly files: readonly string[];
  readonly application?: string;
  readonly appVersion?: string;
  readonly environment?: string;
  readonly again?: boolean;
}

interface Outcome {
  rows: number;
  files: number;
  /** Files whose content was stored before. */
  skipped: number;
  failed: number;
}

const maxLineBytes = 1024 * 1024;
const fingerprintBytes = 1024;
/** Each transaction is synced to the disk, and writes the ends of its tables and indexes anew. */
const batchesAtOnce = 4;

export const importFiles: Command<Flags> = {
  usage: 'import <files..>',
  summary: 'Read whole files into the store once, and exit',
  positionals: { files: { type: 'string', array: true, describe: 'Files to read (also .gz, .zst)' } },
  flags: {
    ...sourceFlags,
    application: { type: 'string', describe: 'Application of entries that name none', requiresArg: true },
    appVersion: { type: 'string', describe: 'Its version', requiresArg: true },
    environment: { type: 'string', describe: 'Its environment', requiresArg: true },
    again: { type: 'boolean', describe: 'Also what was stored before' },
  },
  examples: [
    ['regression import /var/log/app/*.log /var/log/app/*.gz', 'history into ./data'],
    ['regression import old.log --application shop --app-version 1.4.1', 'for entries that do not say'],
  ],
  async run(flags, surroundings) {
    const startedAtMs = systemClock.monotonicMs();
    sourceOf(flags); // what it refuses is told before anything is made
    await refuseIfNoneIsReadable(flags, surroundings);
    const { pipeline, failure } = await openPipeline(flags, surroundings);
    const outcome: Outcome = { rows: 0, files: 0, skipped: 0, failed: 0 };
    try {
      const work = importAll(flags, pipeline, surroundings, outcome);
      await Promise.race([work, failure]);
      await Promise.race([pipeline.ingest.flushed(), failure]);
    } finally {
      await pipeline.close();
    }
    report(outcome, (systemClock.monotonicMs() - startedAtMs) / 1000, flags, surroundings);
    if (outcome.failed > 0) throw unread(outcome.failed, flags.files);
  },
};

/** @throws RegressionError `FILE_UNREADABLE`: a store is not made for nothing. */
async function refuseIfNoneIsReadable({ files }: Flags, { cwd, stderr }: Surroundings): Promise<void> {
  const refusals = await Promise.all(files.map(async (file) => refusalOfFile(resolve(cwd, file))));
  if (refusals.includes(null)) return;
  for (const refusal of refusals) stderr.write(`regression: ${refusal?.message}\n`);
  throw unread(files.length, files);
}

function unread(count: number, files: readonly string[]): RegressionError {
  return new RegressionError('FILE_UNREADABLE', `${count} of ${files.length} files could not be read`);
}

async function openPipeline(flags: CommonFlags, surroundings: Surroundings) {
  const { effectiveConfig } = await import('./effective-config.ts');
  const { createLogger } = await import('../runtime/logger.ts');
  const { createMetrics } = await import('../runtime/metrics.ts');
  const { openLocalPipeline } = await import('../local-pipeline.ts');
  const { config } = await effectiveConfig(flags, surroundings);
  const level: Config['log']['level'] = flags.logLevel === undefined ? 'warn' : config.log.level;
  const { actAsOwner, makeDataDir } = await import('../runtime/data-dir.ts');
  await makeDataDir(config.data_dir);
  await actAsOwner(config.data_dir);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const pipeline = await openLocalPipeline({
    config,
    command: 'import',
    clock: systemClock,
    metrics: createMetrics(),
    logger: createLogger(level, surroundings.stderr),
    batchesAtOnce,
    onFatal: (error) => failed.reject(error),
  });
  return { pipeline, failure: failed.promise };
}

async function importAll(
  flags: Flags,
  pipeline: LocalPipeline,
  surroundings: Surroundings,
  outcome: Outcome,
): Promise<void> {
  const known = new KnownGenerations(flags.again ? [] : await pipeline.store.positions());
  const bar = new ProgressBar(surroundings.stderr);
  for (const file of flags.files) {
    if (surroundings.signal.aborted) return;
    const path = resolve(surroundings.cwd, file);
    try {
      await using whole = await openWholeFile(path);
      await importFile(whole, known, flags, pipeline, surroundings, outcome, bar);
    } catch (error) {
      bar.clear();
      outcome.failed++;
      surroundings.stderr.write(`regression: ${messageOf(error)}\n`);
    }
  }
  bar.clear();
}

async function importFile(
  whole: WholeFile,
  known: KnownGenerations,
  flags: Flags,
  pipeline: LocalPipeline,
  { stderr, signal }: Surroundings,
  outcome: Outcome,
  bar: ProgressBar,
): Promise<void> {
  const stat = await whole.handle.stat({ bigint: true });
  const { head: _head, ...fingerprint } = await fingerprintOf(whole.handle, fingerprintBytes);
  const before = await known.claim(whole.handle, stat, whole.isCompressed ? Number.MAX_SAFE_INTEGER : whole.size);
  if (before?.isEnded && (whole.isCompressed || before.offset === whole.size)) {
    bar.clear();
    stderr.write(`regression: ${whole.path} is in the store already; --again stores it once more\n`);
    outcome.skipped++;
    return;
  }
  const position: FilePosition = before ?? {
    generation: randomUUID(),
    path: whole.path,
    device: String(stat.dev),
    inode: String(stat.ino),
    ...fingerprint,
    offset: 0,
    isEnded: false,
  };
  const stream = pipeline.ingest.open({
    source: whole.path,
    ...sourceOf(flags),
    application: { name: flags.application, version: flags.appVersion, environment: flags.environment },
    applicationHint: applicationHintOf(whole.path),
  });
  let offset = position.offset;
  const startedAtMs = performance.now();
  const rowsBefore = outcome.rows;
  for await (const { lines, endOffset } of linesOf(whole.path, whole.content(), maxLineBytes, position.offset)) {
    if (signal.aborted) return;
    offset = endOffset;
    await stream.write({ lines, position: { ...position, offset, isEnded: false } });
    outcome.rows += lines.length;
    bar.draw(whole.bytesTaken() / whole.size, () => {
      const perSecond = ((outcome.rows - rowsBefore) / (performance.now() - startedAtMs)) * 1000;
      return `${whole.path} ${count(outcome.rows)} rows, ${count(Math.round(perSecond))}/s`;
    });
  }
  await stream.write({ lines: [], position: { ...position, offset, isEnded: true } });
  await stream.end();
  outcome.files++;
}

function report(
  { rows, files, skipped }: Outcome,
  seconds: number,
  flags: CommonFlags,
  { stdout, signal }: Surroundings,
): void {
  if (flags.json) {
    stdout.write(
      `${JSON.stringify({ rows, files, skipped, seconds: Math.round(seconds * 1000) / 1000, interrupted: signal.aborted })}\n`,
    );
    return;
  }
  const rate = seconds > 0 ? `, ${count(Math.round(rows / seconds))} rows/s` : '';
  const cut = signal.aborted ? ' (interrupted; run it again to go on)' : '';
  stdout.write(
    `imported ${count(rows)} row${rows === 1 ? '' : 's'} from ${files} file${files === 1 ? '' : 's'} in ${seconds.toFixed(1)} s${rate}${cut}\n`,
  );
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
