/** `regression parse`: lines in, records out as NDJSON. Touches no store. */
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { Line, SourceDescription } from '../inputs/input.ts';
import { applicationHintOf } from '../inputs/file/application-hint.ts';
import { linesOf, openWholeFile } from '../inputs/file/whole-file.ts';
import { AutoParser } from '../parsers/auto.ts';
import type { Parser } from '../parsers/parser.ts';
import { createParser } from '../parsers/registry.ts';
import { recordOf } from '../pipeline/record-of.ts';
import type { LogRecord } from '../record/log-record.ts';
import { timestampOfMs } from '../record/timestamp.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { Command, Surroundings } from './command.ts';
import { sourceFlags, type SourceFlags } from './source-flags.ts';

interface Flags extends SourceFlags {
  readonly files?: readonly string[];
  readonly explain?: boolean;
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
    explain: { type: 'boolean', describe: 'Add the parser that read the line, or why it was refused' },
  },
  examples: [
    ['regression parse /var/log/dpkg.log', 'what the daemon would store of a file'],
    ['tail -n 5 app.log | regression parse --format json', 'standard input, as JSON lines'],
    ['regression parse --explain --timezone Europe/Berlin old.log.gz', 'which parser read each line'],
  ],
  async run(flags, surroundings) {
    const files = flags.files ?? [];
    if (files.length === 0) await parseContent('stdin', surroundings.stdin, flags, surroundings);
    let unreadable: unknown; // the last failure
    for (const file of files) {
      try {
        await using whole = await openWholeFile(resolve(surroundings.cwd, file));
        await parseContent(whole.path, whole.content(), flags, surroundings);
      } catch (error) {
        // The other files are still read; the last failure decides the exit code.
        if (unreadable instanceof RegressionError) surroundings.stderr.write(`regression: ${unreadable.message}\n`);
        unreadable = error;
      }
    }
    if (unreadable !== undefined) throw unreadable;
  },
};

async function parseContent(
  name: string,
  content: Readable,
  flags: Flags,
  { stdout, signal }: Surroundings,
): Promise<void> {
  const nowMs = Date.now();
  const parser = createParser(flags.format, { timezone: flags.timezone, nowMs: () => nowMs });
  const source: SourceDescription = { source: name, format: flags.format, applicationHint: applicationHintOf(name) };
  for await (const { lines } of linesOf(name, content, maxLineBytes)) {
    if (signal.aborted) return;
    const text = lines.map((line) => `${rowText(line, parser, source, nowMs, flags.explain ?? false)}\n`).join('');
    if (!stdout.write(text)) await once(stdout, 'drain');
  }
}

function rowText(line: Line, parser: Parser, source: SourceDescription, nowMs: number, isExplained: boolean): string {
  const result = parser.parse(line.text);
  const record = recordOf(line, result, source, {}, timestampOfMs(nowMs));
  const row = recordText(record);
  if (!isExplained) return row;
  const name = parser instanceof AutoParser ? parser.lastUsed : source.format;
  return `${row.slice(0, -1)},"parser":${JSON.stringify(name)}${result.ok ? '' : `,"refused":${JSON.stringify(result.reason)}`}}`;
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
