/**
 * Plain text: an optional timestamp and level at the beginning, in the orders that loggers use; the rest is the message.
 *
 *     2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created MRAppMaster
 *     2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - Notification time out
 *     081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38 terminating
 *     [Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok
 *
 * What stands around the level and is surely the thread, the process or the logger becomes metadata `thread`, `pid`, `logger`.
 * Headers with an order of their own are in plain-shapes.ts. Any text is plain text: this parser never refuses.
 */
import { type FoundTimestamp, leadingTimestamp } from '../record/timestamp.ts';
import type { Entry, Parser, ParserKind, ParserOptions } from './parser.ts';
import { HeaderScanner } from './plain-header.ts';
import { readShape } from './plain-shapes.ts';

export const plain: ParserKind = {
  description: 'plain text, with a leading timestamp and level where there are any',
  likelihood: () => 0.01,
  create: (options) => new PlainParser(options),
};

/** OpenStack writes the file's name in front; update-alternatives its own name. */
const leadingFile = /(?<file>\S{1,200}?\.log\S{0,100}) +(?=\d{4}-)/y;
const leadingProgram = /(?<program>[a-z][\w-]*) (?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:)/y;
/** A time of day without a day dates nothing (Logback's and Serilog's default), but it is header, not message. */
const timeOfDay = /\[?(?<time>\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?| ?[AP]M))(?=[\s\]|])/y;

class PlainParser implements Parser {
  readonly #options: ParserOptions;

  constructor(options: ParserOptions) {
    this.#options = options;
  }

  parse(text: string): { ok: true; entry: Entry } {
    return { ok: true, entry: readShape(text, this.#options) ?? readHeader(text, this.#options) };
  }
}

function readHeader(text: string, options: ParserOptions): Entry {
  const metadata: [string, string][] = [];
  let at = 0;
  let applicationName: string | undefined;
  const file = groupAt(leadingFile, text, 0, 'file');
  if (file !== undefined) {
    metadata.push(['log.file.name', file]);
    at = leadingFile.lastIndex;
  } else {
    applicationName = groupAt(leadingProgram, text, 0, 'program');
    if (applicationName !== undefined) at = leadingProgram.lastIndex;
  }
  const time = readTime(text, at, options);
  if (time === null && at > 0) return { message: text, metadata: [] };
  const scanner = new HeaderScanner(text, time?.end ?? at);
  if (time === null) {
    const clock = groupAt(timeOfDay, text, 0, 'time');
    if (clock !== undefined) {
      const isBracketOpen = text.startsWith('[') && text[timeOfDay.lastIndex] !== ']';
      scanner.skipTime(timeOfDay.lastIndex);
      if (isBracketOpen ? scanner.readInsideBracket() : scanner.readToLevel()) metadata.push(['time', clock]);
      else scanner.restart(0);
    } else scanner.readLeadingLevel();
  } else if (!time.isBracketOpen) {
    scanner.readToLevel();
  } else if (!scanner.readInsideBracket()) {
    return { message: text, metadata: [] }; // `[2026-11-24 03:00:00 and more]` is no header
  }
  const { severity } = scanner;
  if (severity?.text !== undefined) metadata.push(['severity_text', severity.text]);
  return {
    timestamp: time?.timestamp,
    severity: severity?.severity ?? (isUncaught(text, scanner.at) ? 'ERROR' : undefined),
    applicationName,
    message: text.slice(scanner.at),
    metadata: [...metadata, ...scanner.metadata],
  };
}

/** What runtimes print of an error that nobody caught; they have no level to print. */
const uncaught =
  /(?:panic: |fatal error: |Traceback \(most recent call last\):|Exception in thread |Unhandled exception|Uncaught |PHP Fatal error: |thread '[^']{0,200}' (?:\(\d+\) )?panicked at )/y;
const firstFrame = /\n[ \t]+at \S/;

function isUncaught(text: string, at: number): boolean {
  uncaught.lastIndex = at;
  return uncaught.test(text) || (text.includes('\n') && firstFrame.test(text));
}

interface FoundTime extends FoundTimestamp {
  /** More than the time stands in its bracket. */
  readonly isBracketOpen: boolean;
}

/** At the beginning, or in brackets there. */
function readTime(text: string, at: number, options: ParserOptions): FoundTime | null {
  const isBracketed = text[at] === '[';
  const found = leadingTimestamp(text, options, isBracketed ? at + 1 : at);
  if (found === null) return null;
  const { timestamp, end } = found;
  if (!isBracketed) {
    // A number that happens to be as long as an epoch count, or a date glued to a word, is text.
    return /[\w.]/.test(text[end] ?? ' ') ? null : { timestamp, end, isBracketOpen: false };
  }
  if (text[end] === ']') return { timestamp, end: end + 1, isBracketOpen: false };
  return /[\s:,]/.test(text[end] ?? '') ? { timestamp, end, isBracketOpen: true } : null;
}

function groupAt(pattern: RegExp, text: string, at: number, group: string): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.groups?.[group];
}
