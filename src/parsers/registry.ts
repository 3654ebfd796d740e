/** Which formats exist: parsers of entries, and envelopes around lines. A new one is a file, a line here and a test. */
import { accessLog } from './access-log.ts';
import { apacheError } from './apache-error.ts';
import { AutoParser } from './auto.ts';
import { cri } from './cri.ts';
import { docker } from './docker.ts';
import type { EnvelopeKind } from './envelope.ts';
import { json } from './json.ts';
import { klog } from './klog.ts';
import { logcat } from './logcat.ts';
import { logfmt } from './logfmt.ts';
import { nginxError } from './nginx-error.ts';
import type { Parser, ParserKind, ParserOptions } from './parser.ts';
import { plain } from './plain.ts';
import { regex } from './regex.ts';
import { rows } from './rows.ts';
import { supercomputer } from './supercomputer.ts';
import { syslog } from './syslog.ts';

export const parsers = {
  rows, // is JSON too, and the surer of it
  json,
  logfmt,
  syslog,
  access_log: accessLog,
  nginx_error: nginxError,
  apache_error: apacheError,
  klog,
  logcat,
  supercomputer,
  regex,
  plain,
} satisfies Record<string, ParserKind>;

export const envelopes = { cri, docker } satisfies Record<string, EnvelopeKind>;

export const formats = [
  'auto',
  ...(Object.keys(parsers) as (keyof typeof parsers)[]),
  ...(Object.keys(envelopes) as (keyof typeof envelopes)[]),
] as const;

/** The parser of `format`; of an envelope, what finds the format inside. */
export function createParser(format: string, options: ParserOptions): Parser {
  return kindOf(format)?.create(options) ?? new AutoParser(parsers, 'plain', options);
}

/** All that the pipeline needs to read `format`, which is one of `formats`: the configuration and the command line have checked it. */
export function createFormat(
  format: string,
  options: ParserOptions,
): { parser: Parser; envelopes: readonly EnvelopeKind[]; isSingleLine: boolean } {
  return {
    parser: createParser(format, options),
    envelopes: envelopesOf(format),
    isSingleLine: kindOf(format)?.isSingleLine ?? false,
  };
}

function envelopesOf(format: string): readonly EnvelopeKind[] {
  if (format === 'auto') return Object.values(envelopes);
  return Object.hasOwn(envelopes, format) ? [envelopes[format as keyof typeof envelopes]] : [];
}

function kindOf(format: string): ParserKind | undefined {
  return Object.hasOwn(parsers, format) ? parsers[format as keyof typeof parsers] : undefined;
}
