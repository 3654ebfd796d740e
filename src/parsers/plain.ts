/**
 * Plain text: an optional timestamp and level at the beginning, in the orders that loggers use; the rest is the message.
 *
 *     2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created MRAppMaster
 *     2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - Notification time out
 *     081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38 terminating
 *     [Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok
 *
 * What stands between level and message and is surely the thread, the process or the logger becomes metadata `thread`, `pid`,
 * `logger`. Any text is plain text: this parser never refuses.
 */
import type { ReadSeverity } from '../record/severity.ts';
import { severityOfWord } from '../record/severity.ts';
import { type FoundTimestamp, leadingTimestamp } from '../record/timestamp.ts';
import type { Entry, Parser, ParserKind, ParserOptions } from './parser.ts';

export const plain: ParserKind = {
  description: 'plain text, with a leading timestamp and level where there are any',
  likelihood: () => 0.01,
  create: (options) => new PlainParser(options),
};

/** OpenStack writes the file's name in front; update-alternatives its own name. */
const leadingFile = /(?<file>\S+\.log\S*) +(?=\d{4}-)/y;
const leadingProgram = /(?<program>[a-z][\w-]*) (?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:)/y;
const levelWord = '[A-Za-z]{1,11}\\d?';
/** `INFO`, `[INFO]`, `<info>`, `(INFO)`, `INFO:`, `level=info`; groups tell how it is set off from the text behind it. */
const level = new RegExp(
  `(?:\\[(?<square>${levelWord})\\s*\\]|<(?<angle>${levelWord})>|\\((?<round>${levelWord})\\)|(?<bare>${levelWord})(?<colon>:|(?= *\\|)|(?= - ))?(?=\\s|$|:|\\||\\[))`,
  'y',
);
const separators = /[\s|:,–—-]*/y;
const processId = /(?<pid>\d+)(?=\s+(?:\[|[A-Z]{3,}\b))/y;
/**
 * A word in brackets, with one level of nesting: `[QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774]`. What has
 * blanks in it (`[client 10.0.0.1]`) is message, except behind the logger, where OpenStack writes its request.
 */
const thread = /\[(?<inside>(?:[^[\]\s]|\[[^[\]\s]*\])*)\]/y;
const request = /\[(?<inside>req-[^[\]]*)\]/y;
/** A dotted or CamelCase name that a colon, ` - ` or a bracket sets off from the message. */
const logger = /(?<logger>[A-Za-z_$][\w$]*(?:[./$-][\w$]+)*(?:@\d+)?)(?:: +|:$| +- +|(?= \[req-))/y;

/** Levels of some loggers that are also words a message begins with (`http: TLS handshake error`): bare, only capitals count. */
const ordinaryWord = /^(?=.*[a-z])(?:all|config|default|detail|failure|hint|http|log|statement|success)$/i;

class PlainParser implements Parser {
  readonly #options: ParserOptions;

  constructor(options: ParserOptions) {
    this.#options = options;
  }

  parse(text: string): { ok: true; entry: Entry } {
    return { ok: true, entry: readHeader(text, this.#options) };
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
  if (time !== null) at = skipSeparators(text, time.end);
  else if (applicationName !== undefined || file !== undefined) return { message: text, metadata: [] };

  let severity = readLevel(text, at);
  if (severity === null && time !== null) {
    // `25746 INFO`, `[main] INFO`: what stands before the level is kept only if a level follows
    const before: [string, string][] = [];
    const levelAt = skipContext(text, at, before);
    severity = levelAt === at ? null : readLevel(text, levelAt);
    if (severity !== null) metadata.push(...before);
  }
  if (severity !== null) {
    at = severity.end;
    if (severity.isSetOff) at = skipContext(text, skipSeparators(text, at), metadata);
    if (severity.read.text !== undefined) metadata.push(['severity_text', severity.read.text]);
  }
  return {
    timestamp: time?.timestamp,
    severity: severity?.read.severity,
    applicationName,
    message: text.slice(at),
    metadata,
  };
}

/** At the beginning, or in brackets there. */
function readTime(text: string, at: number, options: ParserOptions): FoundTimestamp | null {
  const isBracketed = text[at] === '[';
  const found = leadingTimestamp(text, options, isBracketed ? at + 1 : at);
  if (found === null) return null;
  if (isBracketed) return text[found.end] === ']' ? { timestamp: found.timestamp, end: found.end + 1 } : null;
  // A number that happens to be as long as an epoch count, or a date glued to a word, is text.
  return /[\w.]/.test(text[found.end] ?? ' ') ? null : found;
}

interface FoundLevel {
  readonly read: ReadSeverity;
  /** False: the word may be the message's first (`Error opening file`), so it counts as level and stays in the message. */
  readonly isSetOff: boolean;
  readonly end: number;
}

function readLevel(text: string, at: number): FoundLevel | null {
  level.lastIndex = at;
  const groups = level.exec(text)?.groups;
  if (groups === undefined) return null;
  const { square, angle, round, bare, colon } = groups;
  const word = square ?? angle ?? round ?? bare ?? '';
  // Single letters are levels only where nothing else can be meant.
  if (word.length === 1 && square === undefined) return null;
  if (bare !== undefined && ordinaryWord.test(word)) return null;
  const read = severityOfWord(word);
  if (read === null) return null;
  const isSetOff = bare === undefined || colon !== undefined || word === word.toUpperCase();
  return { read, isSetOff, end: isSetOff ? level.lastIndex : at };
}

/** Passes the process id, the thread in brackets and the logger, and the separators between them. */
function skipContext(text: string, from: number, metadata: [string, string][]): number {
  let at = from;
  let isMessage = false;
  const take = (pattern: RegExp, group: string, type: string): void => {
    const value = isMessage ? undefined : groupAt(pattern, text, at, group);
    if (value === undefined) return;
    metadata.push([type, value]);
    at = skipSeparators(text, pattern.lastIndex);
    isMessage = text.slice(pattern.lastIndex, at).includes(' - '); // a dash closes the header
  };
  take(processId, 'pid', 'pid');
  take(thread, 'inside', 'thread');
  take(logger, 'logger', 'logger');
  take(request, 'inside', 'request');
  return at;
}

function groupAt(pattern: RegExp, text: string, at: number, group: string): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.groups?.[group];
}

function skipSeparators(text: string, at: number): number {
  separators.lastIndex = at;
  separators.test(text);
  return separators.lastIndex;
}
