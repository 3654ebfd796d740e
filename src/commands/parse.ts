/** `regression parse`: lines in, records out as NDJSON. Touches no store. */
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { SourceDescription } from '../inputs/input.ts';
import { applicationHintOf } from '../inputs/file/application-hint.ts';
import { linesOf, openWholeFile } from '../inputs/file/whole-file.ts';
import { createFormat } from '../parsers/registry.ts';
import type { ApplicationDefaults } from '../pipeline/record-of.ts';
import { type ReadRecord, RecordReader } from '../pipeline/record-reader.ts';
import type { LogRecord } from '../record/log-record.ts';
import { systemClock } from '../runtime/clock.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { Command, CommonFlags, Surroundings } from './command.ts';
import { sourceFlags, sourceOf, type SourceFlags } from './source-flags.ts';

interface Flags extends SourceFlags {
  readonly files?: readonly string[];
  readonly explain?: boolean;
}

/** How everything that was named is read. */
interface Reading {
  readonly flags: Flags;
  /** Of the configuration, if one was named; as its transforms are. */
  readonly defaults: ApplicationDefaults;
  readonly transform: (record: LogRecord) => LogRecord | null;
}

const maxLineBytes = 1024 * 1024;

export const parse: Command<Flags> = {
  usage: 'parse [files..]',
  summary: 'Lines in, records out as NDJSON; touches no store',
  positionals: {
    files: { type: 'string', array: true, describe: 'Files to read (also .gz, .zst); standard input without any' },
  },
  flags: {
    ...sourceFlags,
    explain: {
      type: 'boolean',
      describe: 'Add the parser that read the record and why it was taken, or why it refused',
    },
  },
  examples: [
    ['regression parse /var/log/dpkg.log', 'what the daemon would store of a file'],
    ['tail -n 5 app.log | regression parse --format json', 'standard input, as JSON lines'],
    ['regression parse --config regression.yaml app.log', 'with its application and transforms: is it redacted?'],
    ['regression parse --explain --timezone Europe/Berlin old.log.gz', 'which parser read each line'],
  ],
  async run(flags, surroundings) {
    const files = flags.files ?? [];
    const reading = await readingOf(flags, surroundings);
    if (files.length === 0) await parseContent('stdin', surroundings.stdin, reading, surroundings);
    let unreadable: unknown; // the last failure
    for (const file of files) {
      try {
        await using whole = await openWholeFile(resolve(surroundings.cwd, file));
        await parseContent(whole.path, whole.content(), reading, surroundings);
      } catch (error) {
        // The other files are still read; the last failure decides the exit code.
        if (unreadable instanceof RegressionError) surroundings.stderr.write(`regression: ${unreadable.message}\n`);
        unreadable = error;
      }
    }
    if (unreadable !== undefined) throw unreadable;
  },
};

async function readingOf(flags: CommonFlags & Flags, surroundings: Surroundings): Promise<Reading> {
  if (flags.config === undefined) return { flags, defaults: {}, transform: (record) => record };
  const { effectiveConfig } = await import('./effective-config.ts');
  const { transformsOf } = await import('../transforms/registry.ts');
  const { config } = await effectiveConfig(flags, surroundings);
  const transform = transformsOf(config.transforms, systemClock, () => undefined);
  return { flags, defaults: config.application, transform };
}

async function parseContent(
  name: string,
  content: Readable,
  { flags, defaults, transform }: Reading,
  { stdout, signal }: Surroundings,
): Promise<void> {
  const source: SourceDescription = { source: name, ...sourceOf(flags), applicationHint: applicationHintOf(name) };
  const reader = new RecordReader({ source, createFormat, defaults, clock: systemClock });
  const write = async (): Promise<void> => {
    const text = reader
      .take()
      .map((read) => {
        const record = transform(read.record);
        return record === null ? '' : `${rowText({ ...read, record }, flags.explain ?? false)}\n`;
      })
      .join('');
    if (text !== '' && !stdout.write(text)) await once(stdout, 'drain');
  };
  const chunks = linesOf(name, content, maxLineBytes)[Symbol.asyncIterator]();
  let next = chunks.next();
  for (;;) {
    // Behind `tail -f` the last record is complete when nothing more comes for a while.
    if (reader.isHolding && (await isQuiet(next, source.multiline?.flush_after ?? 0))) reader.closeQuiet();
    else {
      const { done, value } = await next;
      if (done || signal.aborted) break;
      reader.push(value.lines);
      next = chunks.next();
    }
    await write();
  }
  if (signal.aborted) return;
  reader.closeAll();
  await write();
}

/** True when nothing has come of `next` for `quietMs`. */
async function isQuiet(next: Promise<unknown>, quietMs: number): Promise<boolean> {
  const waited = new AbortController();
  const quiet = systemClock.delay(quietMs, waited.signal).then(() => !waited.signal.aborted);
  const isFirst = await Promise.race([quiet, next.then(() => false)]);
  waited.abort();
  return isFirst;
}

function rowText({ record, format, why, refusal }: ReadRecord, isExplained: boolean): string {
  const row = recordText(record);
  if (!isExplained) return row;
  const refused = refusal === undefined ? '' : `,"refused":${JSON.stringify(refusal)}`;
  return `${row.slice(0, -1)},"parser":${JSON.stringify(format)},"why":${JSON.stringify(why)}${refused}}`;
}

/** A row as the API gives it, without what is not known yet: the id, and version and environment unless the entry says. */
function recordText({ timestamp, severity, application, source, message, metadata }: LogRecord): string {
  // Written by hand: an object would take a key named `__proto__` for something else.
  const members = metadata.map(([type, value]) => `${JSON.stringify(type)}:${JSON.stringify(value)}`).join(',');
  const { name, version, environment } = application;
  const known = {
    timestamp,
    severity,
    application: name,
    version: version ?? undefined,
    environment: environment ?? undefined,
    source,
    message,
  };
  return `${JSON.stringify(known).slice(0, -1)},"metadata":{${members}}}`;
}
