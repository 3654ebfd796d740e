/**
 * Reads on behind the time of a plain text header: what may stand before the level, the level, and what may stand behind it. Whatever
 * is not surely header is left to the message.
 */
import { type ReadSeverity, severityOfWord } from '../record/severity.ts';

const levelWord = '[A-Za-z]{1,11}\\d?';
/** `INFO`, `[INFO]`, `<info>`, `(INFO)`, `INFO:`, `INFO/`; groups tell how it is set off from the text behind it. */
const level = new RegExp(
  `(?:\\[\\s*(?<square>${levelWord})\\s*\\]|<(?<angle>${levelWord})>|\\((?<round>${levelWord})\\)|(?<bare>${levelWord})(?:(?<setOff>:|(?= *\\|)|(?= - )|(?=[ \\t]{2})|(?=\\t))|)(?=\\s|$|:|\\||\\[))`,
  'y',
);
const separators = /[\s|:,–—-]*/y;
/** Levels of some loggers that are also words a message begins with (`http: TLS handshake error`): bare, only capitals count. */
// oxfmt-ignore
const ordinaryWords = new Set([
  'all', 'alert', 'config', 'default', 'detail', 'failure', 'fine', 'hint', 'http', 'log', 'note', 'panic', 'statement', 'success', 'system',
]);
/** Monolog: `production.ERROR: text`. */
const channel = new RegExp(`(?<channel>[\\w-]+)\\.(?<level>[A-Z]{4,9}): `, 'y');

/**
 * A word in brackets, with one level of nesting: `[QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774]`. What has
 * blanks inside (`[client 10.0.0.1]`) is message, except behind the logger, where OpenStack writes its request.
 */
const bracketed = /\[ *(?<inside>(?:[^[\]\s]|\[[^[\]\s]*\])*) *\]/y;
const angled = /<(?<inside>\d+\.\d+\.\d+)>/y; // Erlang process
const request = /\[(?<inside>req-[^[\]]*)\]/y;
const number = /(?<inside>\d{1,10})(?=\s)/y;
/** PostgreSQL's user@database; a zone abbreviation that the time did not take. */
const userAtDatabase = /(?<inside>[\w-]+@[\w-]+)(?=\s)/y;
const zoneName = /[A-Z]{3,5}(?= \[)/y;
/** A logger's name in front of the level: `name - LEVEL - text`. */
const nameBeforeDash = /(?<inside>[A-Za-z_][\w.]*)(?= - [A-Z]{4,9} )/y;
/** A dotted, `::`-separated or CamelCase name that a colon, ` - `, `|` or a bracket sets off from the message. */
const logger =
  /(?<inside>[A-Za-z_$][\w$]*(?:(?:[./$-]|::)[\w$]+)*(?:@\d+)?|[\w.]+:[\w.<>]+:\d+)(?: *: +| *:$| +- +| *\| *|(?= \[req-))/y;
const columnName = /(?<inside>[A-Za-z_][\w.]*) {2,}/y; // Windows CBS: columns set apart by blanks
const tabbedName = /(?<inside>[A-Za-z_][\w./-]*(?::\d+)?)\t/y; // zap's console encoder
const springDashes = /\s+--- /y;

const maxParts = 8;

export class HeaderScanner {
  readonly #text: string;
  readonly metadata: [string, string][] = [];
  severity: ReadSeverity | null = null;
  at: number;
  /** `LEVEL:` ends most headers: a plain word and a colon behind it (`LOG:  duration: 12 ms`) are message. */
  #isLevelWithColon = false;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = at;
    this.#skipSeparators();
  }

  restart(at: number): void {
    this.at = at;
  }

  skipTime(end: number): void {
    this.at = this.#text[end] === ']' ? end + 1 : end;
    this.#skipSeparators();
  }

  /** `INFO text`, `[main] INFO name - text`, `0 [main] INFO name - text`: without a time only capitals or brackets are a level. */
  readLeadingLevel(): void {
    this.at = 0; // blanks in front of text without a header belong to it
    if (/^\s/.test(this.#text)) return;
    if (this.#readLevel()) return this.#readContext();
    const pending: [string, string][] = [];
    this.#readNumber(pending);
    this.#readBracket(pending);
    if (pending.length === 0) return;
    if (/^[A-Z]{4,8}\b/.test(this.#text.slice(this.at, this.at + 9)) && this.#readLevel()) {
      this.metadata.push(...pending);
      this.#readContext();
    } else this.at = 0;
  }

  /**
   * What stands before the level is kept only if a level follows: else it is the message's beginning.
   *
   * @returns whether there is one.
   */
  readToLevel(): boolean {
    const start = this.at;
    const pending: [string, string][] = [];
    for (let part = 0; part < maxParts; part++) {
      if (this.#readLevel()) {
        this.metadata.push(...pending);
        this.#readContext();
        return true;
      }
      if (!this.#readBeforeLevel(pending)) break;
    }
    this.at = start;
    return false;
  }

  /** `[2026-11-24T03:00:00Z INFO  app::mod] text` (env_logger), `[... +0000: INFO/MainProcess] text` (Celery), `[... #12] text`. */
  readInsideBracket(): boolean {
    const end = this.#text.indexOf(']', this.at);
    if (end < 0 || end - this.at > 200) return false;
    const [, pid, word, rest] =
      /^(?:#?(\d{1,10})(?:\.\d+)?(?:\s+|$))?([A-Za-z]{1,11})?(?:[\s/]+(\S*))?$/.exec(this.#text.slice(this.at, end)) ??
      [];
    const read = word === undefined ? null : severityOfWord(word);
    if (read === null && (pid === undefined || word !== undefined)) return false;
    this.severity = read;
    if (pid !== undefined) this.metadata.push(['pid', pid]);
    if (rest !== undefined && rest !== '') this.metadata.push(['logger', rest]);
    this.at = end + 1;
    this.#skipSeparators();
    if (read === null) this.readToLevel();
    return true;
  }

  #readBeforeLevel(pending: [string, string][]): boolean {
    if (this.#readNumber(pending) || this.#readBracket(pending)) return true;
    for (const [pattern, type] of [
      [userAtDatabase, 'user'],
      [nameBeforeDash, 'logger'],
    ] as const) {
      const inside = this.#take(pattern);
      if (inside === undefined) continue;
      pending.push([type, inside]);
      return true;
    }
    zoneName.lastIndex = this.at;
    if (!zoneName.test(this.#text)) return false;
    this.at = zoneName.lastIndex;
    this.#skipSeparators();
    return true;
  }

  #readLevel(): boolean {
    const monolog = this.#readChannel();
    if (monolog) return true;
    level.lastIndex = this.at;
    const groups = level.exec(this.#text)?.groups;
    if (groups === undefined) return false;
    const { square, angle, round, bare, setOff } = groups;
    const word = square ?? angle ?? round ?? bare ?? '';
    // Single letters are levels only where nothing else can be meant.
    if (word.length === 1 && square === undefined) return false;
    if (bare !== undefined && word !== word.toUpperCase() && ordinaryWords.has(word.toLowerCase())) return false;
    const read = severityOfWord(word);
    if (read === null) return false;
    this.severity = read;
    this.#isLevelWithColon = setOff === ':';
    // The word may be the message's first (`Error opening file`): then it counts as level and stays in the message.
    if (bare === undefined || setOff !== undefined || word === word.toUpperCase()) this.at = level.lastIndex;
    return true;
  }

  #readChannel(): boolean {
    channel.lastIndex = this.at;
    const groups = channel.exec(this.#text)?.groups;
    const read = groups === undefined ? null : severityOfWord(groups['level'] ?? '');
    if (read === null) return false;
    this.severity = read;
    this.metadata.push(['channel', groups?.['channel'] ?? '']);
    this.at = channel.lastIndex;
    return true;
  }

  /** Behind the level: process, thread, logger, request, each at most once, until something else comes. */
  #readContext(): void {
    const text = this.#text;
    if (text[this.at] === '\t') return this.#readTabbed();
    const isColumn = text.startsWith('  ', this.at);
    this.#skipSeparators();
    if (isColumn && this.#takeAs(columnName, 'logger')) return this.#skipSeparators();
    let isMessage = this.#isBehindDash();
    for (let part = 0; part < maxParts && !isMessage; part++) {
      const start = this.at;
      if (!this.#readContextPart()) break;
      isMessage = text.slice(start, this.at).includes(' - '); // a dash closes the header
    }
  }

  #readContextPart(): boolean {
    const has = (type: string): boolean => this.metadata.some(([known]) => known === type);
    if (!has('pid') && this.#readSpringPid()) return true;
    if (this.#readBracket(this.metadata)) return true;
    if (this.#takeAs(angled, 'process')) return true;
    if (!has('logger') && this.#readLogger()) return true;
    return has('logger') && !has('request') && this.#takeAs(request, 'request');
  }

  #readLogger(): boolean {
    if (!this.#isLevelWithColon) return this.#takeAs(logger, 'logger');
    logger.lastIndex = this.at;
    const name = logger.exec(this.#text)?.groups?.['inside'] ?? '';
    return /[.$:]|[a-z][A-Z]/.test(name) && this.#takeAs(logger, 'logger');
  }

  /** `4711 --- [main] name : text`. */
  #readSpringPid(): boolean {
    number.lastIndex = this.at;
    const pid = number.exec(this.#text)?.groups?.['inside'];
    if (pid === undefined) return false;
    const end = number.lastIndex;
    springDashes.lastIndex = end;
    const isSpring = springDashes.test(this.#text);
    if (!isSpring && !/^\s+\[/.test(this.#text.slice(end, end + 4))) return false;
    this.metadata.push(['pid', pid]);
    this.at = isSpring ? springDashes.lastIndex : end;
    this.#skipSeparators();
    return true;
  }

  /** zap's console encoder: `LEVEL\tlogger\tfile.go:12\ttext\t{json}`, logger and caller may be missing. */
  #readTabbed(): void {
    this.at++;
    const name = this.#take(tabbedName, false);
    if (name === undefined) return;
    const isCaller = (value: string): boolean => /:\d+$/.test(value);
    this.metadata.push([isCaller(name) ? 'caller' : 'logger', name]);
    const caller = isCaller(name) ? undefined : this.#take(tabbedName, false);
    if (caller !== undefined) this.metadata.push(['caller', caller]);
  }

  #readNumber(into: [string, string][]): boolean {
    const value = this.#take(number);
    if (value === undefined) return false;
    into.push([into.some(([type]) => type === 'pid') ? 'tid' : 'pid', value]);
    return true;
  }

  #readBracket(into: [string, string][]): boolean {
    const inside = this.#take(bracketed);
    if (inside === undefined) return false;
    const shape = /^\d+$/.test(inside) ? 'pid' : /^[A-Za-z_$][\w$]*(?:\.[\w$]+)+$/.test(inside) ? 'logger' : 'thread';
    const isTaken = (type: string): boolean => into.some(([known]) => known === type);
    const type = !isTaken(shape) ? shape : shape === 'pid' ? 'tid' : 'context';
    if (inside !== '') into.push([isTaken(type) ? `${type}#${into.length}` : type, inside]);
    return true;
  }

  #takeAs(pattern: RegExp, type: string): boolean {
    const inside = this.#take(pattern);
    if (inside !== undefined) this.metadata.push([type, inside]);
    return inside !== undefined;
  }

  #take(pattern: RegExp, skipsSeparators = true): string | undefined {
    pattern.lastIndex = this.at;
    const inside = pattern.exec(this.#text)?.groups?.['inside'];
    if (inside === undefined) return undefined;
    this.at = pattern.lastIndex;
    if (skipsSeparators) this.#skipSeparators();
    return inside;
  }

  #isBehindDash(): boolean {
    return this.#text.slice(0, this.at).endsWith(' - ') && this.#text[this.at] !== '[';
  }

  #skipSeparators(): void {
    separators.lastIndex = this.at;
    separators.test(this.#text);
    this.at = separators.lastIndex;
  }
}
