/**
 * What belongs together when nobody says: stack traces of Java, Python, Go, Node, .NET, Ruby, PHP, Rust and Dart, indented
 * continuations, and what follows a logger's header without one of its own.
 *
 * The grouping rests on what the runtimes print, line by line:
 *
 *     Java     `java.lang.X: text`, indented `at`, `Caused by:`, `... 27 more`; java.util.logging's level on the second line
 *     Python   `Traceback (most recent call last):`, indented lines, one line that is not; chained by two known sentences
 *     Go       `panic:`, `goroutine 4 [running]:`, function calls at the margin with an indented place each
 *     Node     the failing line above a caret, the error, indented `at`
 *     Ruby     `file.rb:6:in 'x': text (Class)`, indented `from`; frames at the margin behind a logger's header
 *     PHP      `PHP Fatal error: ...`, `Stack trace:`, `#0 ...`;  Dart: `Unhandled exception:`, a line, `#0 ...`
 *     Rust     `thread 'main' panicked at file:1:2:`, a line, `stack backtrace:`, `note: ...`
 */
import type { Grouping, Verdict } from './grouping.ts';
import { type HeaderKind, headerOf } from './record-header.ts';

/** Lines at the margin that never begin a record. */
const alwaysContinues =
  /^(?:Caused by:|Suppressed: |Wrapped by: |\.\.\. \d+ |--- End of |#\d+\s|Stack trace:$|stack backtrace:$|Stack backtrace:$|PHP Stack trace:$|PHP {2,3}\d+\. |During handling of the above exception, |The above exception was the direct cause of |<asynchronous suspension>$|\.\.\.$|goroutine \d+ |created by |\[signal |\[originating from |exit status \d+$|note: (?:run with|Some details)|\^+$|Node\.js v\d|at \S+ \(\S+:\d+\)|from \S+:\d+:in |\[SQL: |\[parameters: |\(Background on this error at: )/;
const pythonHead = /^(?:Traceback \(most recent call last\):|Exception Group Traceback )/;
const pythonChain = /^(?:During handling of the above exception, |The above exception was the direct cause of )/;
const goHead = /^(?:panic: |fatal error: |goroutine \d+ \[|SIG[A-Z]+: |http: panic serving |unexpected fault address )/;
const goOther =
  /^(?:(?:r\w{1,3}|[c-g]s|rip|rflags) +0x[\da-f]+$|runtime stack:|PC=0x|\.\.\.additional frames|goroutine running on )/;
const dartHead = /^Unhandled exception:$/;
const rustHead = /^thread '.{0,200}?' (?:\(\d+\) )?panicked at .*:$/;
const rubyFrame = /^\S+:\d+:in [`'][^`']*'$/;
const phpNext = /^Next [\w\\]+: /;
const caret = /^\s*[\^~]+\s*$/;
/** Closes what an object printed behind an error opened: `code: 'ENOENT'`, `}`. */
const closers = /^[}\])]+[;,]?$/;
/** java.util.logging's SimpleFormatter: date, class, method; the level comes on the next line. */
const julHead = /^[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M \S+ \S+$/;
const julLevel = /^(?:SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): /;

/** What stands above a trace, or announces more: a writer may well print the rest line by line. */
const announcesMore = /error|exception|fatal|severe|crit|panic|traceback|:\s*$/i;

type Trace = 'none' | 'python' | 'go';

export class TraceGrouping implements Grouping {
  #isOpen = false;
  #header: HeaderKind | null = null;
  #hasFrames = false;
  #trace: Trace = 'none';
  /** The next line belongs to the record whatever it is (unless it has a header). */
  #takesNext = false;
  #isAfterJulHead = false;
  /** The last line was one of the sentences by which Python chains two traces. */
  #isChained = false;
  #lineCount = 0;
  #firstLine = '';
  /** Records with a header, and without: a source all of whose records have one is framed by it. */
  #headed = 0;
  #bare = 0;

  /** Loggers write a record with one write: behind a line that announces nothing, a further one is there at once or never. */
  get expectsMore(): boolean {
    return this.#lineCount > 1 || this.#takesNext || this.#isAfterJulHead || announcesMore.test(this.#firstLine);
  }

  next(text: string, isCut: boolean): Verdict {
    if (isIndented(text)) return this.#isOpen ? this.#continueIndented(text) : this.#begin(text, null);
    if (text.charCodeAt(0) === 0x7b && isJsonObject(text, isCut)) return this.#alone();
    if (this.#isOpen && this.#isTraceLine(text)) return this.#continue(text);
    const header = headerOf(text);
    if (header === 'whole') return this.#alone();
    if (header !== null && !(this.#isAfterJulHead && julLevel.test(text))) return this.#begin(text, header);
    if (this.#isOpen && (this.#takesNext || this.#isFramed())) return this.#continue(text);
    return this.#begin(text, null);
  }

  forget(): void {
    this.#isOpen = false;
  }

  #begin(text: string, header: HeaderKind | null): Verdict {
    this.#isOpen = true;
    this.#header = header;
    this.#hasFrames = false;
    this.#lineCount = 1;
    this.#firstLine = text;
    if (header === null) this.#bare++;
    else this.#headed++;
    this.#isAfterJulHead = header === 'logger' && julHead.test(text);
    this.#readTrace(text);
    return 'begins';
  }

  #alone(): Verdict {
    this.#isOpen = false;
    return 'alone';
  }

  #continueIndented(text: string): Verdict {
    this.#hasFrames = true;
    this.#lineCount++;
    this.#isAfterJulHead = false;
    // A caret points into the line above it; the error itself comes next, at the margin (Node, Python's SyntaxError).
    this.#takesNext = caret.test(text);
    return 'continues';
  }

  #continue(text: string): Verdict {
    this.#lineCount++;
    this.#isAfterJulHead = false;
    if (this.#trace === 'python') this.#trace = 'none'; // that was the exception itself
    this.#readTrace(text);
    return 'continues';
  }

  #readTrace(text: string): void {
    this.#takesNext = dartHead.test(text) || rustHead.test(text) || caret.test(text);
    this.#isChained = pythonChain.test(text);
    if (pythonHead.test(text)) this.#trace = 'python';
    else if (goHead.test(text)) this.#trace = 'go';
    else if (this.#lineCount === 1) this.#trace = 'none';
    if (pythonHead.test(text) || alwaysContinues.test(text) || rubyFrame.test(text)) this.#hasFrames = true;
  }

  #isTraceLine(text: string): boolean {
    if (alwaysContinues.test(text)) return true;
    if (pythonHead.test(text)) return this.#isChained || this.#takesTrace();
    if (this.#trace === 'python') return headerOf(text) === null;
    if (goHead.test(text)) return this.#takesTrace();
    if (this.#trace === 'go') return goOther.test(text) || isGoCall(text);
    if (rubyFrame.test(text)) return this.#header === 'logger' || this.#hasFrames;
    return this.#hasFrames && (closers.test(text) || phpNext.test(text));
  }

  /** A logger's header with the trace of what it reports below. */
  #takesTrace(): boolean {
    return this.#header !== null && !this.#hasFrames;
  }

  /**
   * Behind a logger's header, lines without one are its record's: a message of several lines. Once frames have come, only where the
   * source has shown that all its records have headers: elsewhere the text behind a trace is somebody else's.
   */
  #isFramed(): boolean {
    if (this.#header !== 'logger') return false;
    return this.#hasFrames ? this.#headed >= 3 && this.#bare * 20 < this.#headed : this.#bare <= this.#headed;
  }
}

function isIndented(text: string): boolean {
  const code = text.charCodeAt(0);
  return code === 0x20 || code === 0x09;
}

function isJsonObject(text: string, isCut: boolean): boolean {
  return /^\{\s*["}]/.test(text) && (isCut || text.trimEnd().endsWith('}'));
}

/** `net/http.(*ServeMux).ServeHTTP(0xc01045cab0, ...)`: one word up to its argument list. */
function isGoCall(text: string): boolean {
  const list = text.indexOf('(');
  const blank = text.indexOf(' ');
  return list > 0 && (blank < 0 || list < blank) && text.endsWith(')');
}
