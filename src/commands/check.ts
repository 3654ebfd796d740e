/** `regression check`: is the configuration right, what does it come to, and what would the inputs read? Changes nothing. */
import { open, stat } from 'node:fs/promises';
import type { Config, InputConfig } from '../config/schema.ts';
import { systemClock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Command } from './command.ts';

type FileInputConfig = Extract<InputConfig, { type: 'file' }>;

interface FileReport {
  readonly path: string;
  /** What `auto` makes of the first lines; the configured format otherwise. */
  readonly format?: string;
  /** Why it would not be followed. */
  readonly problem?: string;
}

interface InputReport {
  readonly type: string;
  readonly describes: string;
  readonly files?: readonly FileReport[];
}

const sampleBytes = 64 * 1024;
const sampleLines = 100;

export const check: Command<object> = {
  usage: 'check',
  summary: 'Check the configuration, show what it comes to and what inputs match; changes nothing',
  examples: [
    ['regression check --config regression.yaml', 'every problem at once, with its line'],
    ['regression check --json', 'the same for machines'],
  ],
  async run(flags, surroundings) {
    const { stdout } = surroundings;
    const { effectiveConfig } = await import('./effective-config.ts');
    const { stringify } = await import('yaml');
    const { config, path } = await effectiveConfig(flags, surroundings);
    const reports = await Promise.all(config.inputs.map((input) => reportOn(input)));
    if (flags.json) {
      stdout.write(`${JSON.stringify({ config, path, inputs: reports })}\n`);
      return;
    }
    stdout.write(`# ${path ?? 'no configuration file: the defaults'}\n${stringify(config satisfies Config)}`);
    for (const report of reports) stdout.write(textOf(report));
    stdout.write('\nThe configuration is valid.\n');
  },
};

async function reportOn(input: InputConfig): Promise<InputReport> {
  if (input.type === 'syslog') return { type: input.type, describes: input.listen };
  const { FileGlobs } = await import('../inputs/file/glob.ts');
  const { paths, problems } = await new FileGlobs(input.include, input.exclude).find();
  const files = await Promise.all(paths.map((path) => reportOnFile(path, input)));
  const unreadable = problems.map(({ path, error }) => ({ path, problem: messageOf(error) }));
  return { type: input.type, describes: input.include.join(' '), files: [...files, ...unreadable] };
}

async function reportOnFile(path: string, input: FileInputConfig): Promise<FileReport> {
  const { createFormat } = await import('../parsers/registry.ts');
  const { RecordReader } = await import('../pipeline/record-reader.ts');
  const { refusalOf } = await import('../inputs/file/fingerprint.ts');
  try {
    if (!(await stat(path)).isFile()) return { path, problem: 'it is not a regular file' };
    await using handle = await open(path);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(sampleBytes), 0, sampleBytes, 0);
    const head = buffer.subarray(0, bytesRead);
    const problem = refusalOf(head.subarray(0, 1024));
    if (problem !== null) return { path, problem };
    const { format, pattern, timezone, multiline } = input;
    const source = { source: path, format, pattern, timezone, multiline, applicationHint: '' };
    const reader = new RecordReader({ source, createFormat, defaults: {}, clock: systemClock });
    const texts = head.toString('utf8').split(/\r?\n/).slice(0, sampleLines);
    reader.push(texts.filter((text) => text !== '').map((text) => ({ text, endOffset: 0 })));
    reader.closeAll();
    reader.take();
    return { path, format: reader.chosen };
  } catch (error) {
    return { path, problem: messageOf(error) };
  }
}

function textOf({ type, describes, files }: InputReport): string {
  const lines = (files ?? []).map(
    ({ path, format, problem }) => `  ${path}  ${problem === undefined ? format : `NOT FOLLOWED: ${problem}`}`,
  );
  const count = files === undefined ? '' : ` (${files.length} found now)`;
  return `\n${type} ${describes}${count}\n${lines.map((line) => `${line}\n`).join('')}`;
}
