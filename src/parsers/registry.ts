/** Which parsers exist. A new one is a file, a line here and a test. */
import { AutoParser } from './auto.ts';
import { json } from './json.ts';
import { logfmt } from './logfmt.ts';
import type { Parser, ParserKind, ParserOptions } from './parser.ts';
import { plain } from './plain.ts';
import { syslog } from './syslog.ts';

export const parsers = { json, logfmt, syslog, plain } satisfies Record<string, ParserKind>;

export type Format = keyof typeof parsers | 'auto';

export const formats = ['auto', ...(Object.keys(parsers) as (keyof typeof parsers)[])] as const;

/** @param format one of `formats`: the configuration and the command line have checked it. */
export function createParser(format: string, options: ParserOptions): Parser {
  const kind = Object.hasOwn(parsers, format) ? parsers[format as keyof typeof parsers] : undefined;
  return kind === undefined ? new AutoParser(parsers, 'plain', options) : kind.create(options);
}
