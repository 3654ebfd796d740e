/**
 * Cuts a stream of bytes into lines, with the offset each one ends at. Knows nothing of files.
 *
 * A line ends at LF; CRs before it are not part of it. Bytes behind the last LF wait for more, at most `maxLineBytes` of them:
 * what a longer line has beyond that is counted and skipped, not kept. A line that is longer still (`earlyCutBytes`) is handed
 * out before its end, and the rest of it is a stated cut.
 */
import { isAscii } from 'node:buffer';
import type { Line } from '../input.ts';
import {
  type Encoding,
  carriageReturnOf,
  decode,
  encodingOfMark,
  lineFeedOf,
  unitBytesOf,
  withoutCutCharacter,
} from './encoding.ts';

const LF = 0x0a;
const CR = 0x0d;

/** A line may never end: past this length what is kept of it is handed out. */
const earlyCutBytes = 16 * 1024 * 1024;

/** Bytes of a line that are in no row. */
export interface Cut {
  readonly startOffset: number;
  readonly endOffset: number;
}

export interface SplitterOptions {
  readonly encoding?: Encoding;
  /** The bytes up to the first LF are the rest of a line whose kept part was handed out before. */
  readonly isInsideLine?: boolean;
}

/** Lines of so many bytes, and what becomes of them, fit several times into V8's young generation as runtime/heap-size.ts leaves it. */
const pieceBytes = 16 * 1024;

/** Push a chunk piece by piece, and hand on each piece's lines: they are gone before the garbage collector has to copy them. */
export function* piecesOf(chunk: Buffer): Generator<Buffer> {
  for (let from = 0; from < chunk.length; from += pieceBytes) yield chunk.subarray(from, from + pieceBytes);
}

export class LineSplitter {
  readonly #maxLineBytes: number;
  readonly #encoding: Encoding;
  readonly #unitBytes: 1 | 2;
  /** Offset behind the last complete line. */
  #lineStart: number;
  /** Offset behind the last byte taken in. */
  #end: number;
  /** Half a UTF-16 code unit. */
  #carry: Buffer = Buffer.alloc(0);
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Bytes of the waiting line that were skipped because it is too long. */
  #skippedBytes = 0;
  /** NULs the waiting line began with: a hole that a truncation left under a writer that does not append. */
  #nulBytes = 0;
  #emptyLines = 0;
  /** Of them, those since the last line with content. */
  #emptyRun = 0;
  #isInsideLine: boolean;
  #cuts: Cut[] = [];

  constructor(maxLineBytes: number, startOffset: number, options: SplitterOptions = {}) {
    this.#maxLineBytes = maxLineBytes;
    this.#encoding = options.encoding ?? 'utf-8';
    this.#unitBytes = unitBytesOf(this.#encoding);
    this.#isInsideLine = options.isInsideLine ?? false;
    this.#lineStart = startOffset;
    this.#end = startOffset;
  }

  /** Where the first line that is not complete begins: the position that may be committed. */
  get lineStart(): number {
    return this.#lineStart;
  }

  /** Where the next bytes are to be read from. */
  get end(): number {
    return this.#end;
  }

  /** True when `lineStart` lies inside a line whose kept part has been handed out. */
  get isInsideLine(): boolean {
    return this.#isInsideLine;
  }

  /** Lines without content met since the last call: they are not handed on. */
  takeEmptyLines(): number {
    const count = this.#emptyLines;
    this.#emptyLines = 0;
    return count;
  }

  /** The parts of lines that are in no row, since the last call; those of lines cut early only. */
  takeCuts(): readonly Cut[] {
    const cuts = this.#cuts;
    this.#cuts = [];
    return cuts;
  }

  /** The lines that `chunk` completes. Their text is copied: the chunk's memory may be used again. */
  push(chunk: Buffer): Line[] {
    const base = this.#end - this.#carry.length;
    this.#end += chunk.length;
    const bytes = this.#unitBytes === 1 ? chunk : this.#wholeUnits(chunk);
    const lines: Line[] = [];
    const isPlain = this.#encoding === 'latin1' || (this.#encoding === 'utf-8' && isAscii(bytes));
    let from = this.#isInsideLine ? this.#skipToLineEnd(bytes, base) : this.#skipNuls(bytes, 0);
    for (let newline = this.#newline(bytes, from); newline >= 0; newline = this.#newline(bytes, from)) {
      const endOffset = base + newline + this.#unitBytes;
      if (isPlain && this.#isFresh && newline - from <= this.#maxLineBytes) {
        let textEnd = newline;
        while (textEnd > from && bytes[textEnd - 1] === CR) textEnd--;
        if (textEnd > from) {
          const text = bytes.toString('latin1', from, textEnd);
          lines.push(
            this.#emptyRun === 0 ? { text, endOffset } : { text, endOffset, emptyLinesBefore: this.#takeEmptyRun() },
          );
        } else this.#countEmpty();
      } else {
        this.#keep(bytes.subarray(from, newline));
        const line = this.#complete(endOffset);
        if (line !== null) lines.push(line);
      }
      this.#lineStart = endOffset;
      from = this.#skipNuls(bytes, newline + this.#unitBytes);
    }
    if (from < bytes.length) this.#keep(bytes.subarray(from), (kept) => Buffer.from(kept));
    if (this.#skippedBytes > earlyCutBytes) lines.push(this.#cutEarly());
    return lines;
  }

  /** The bytes that wait for a newline that will not come, as a line marked `partial`; null when there are none. */
  finish(): Line | null {
    if (this.#isInsideLine) {
      this.#endCut(this.#end);
      this.#lineStart = this.#end;
      return null;
    }
    this.#keep(this.#carry);
    this.#carry = Buffer.alloc(0);
    const line = this.#complete(this.#end, [['partial', 'true']]);
    this.#lineStart = this.#end;
    return line;
  }

  get #isFresh(): boolean {
    return this.#keptBytes === 0 && this.#skippedBytes === 0 && this.#nulBytes === 0;
  }

  #wholeUnits(chunk: Buffer): Buffer {
    const all = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    const whole = all.length & ~1;
    this.#carry = Buffer.from(all.subarray(whole));
    return all.subarray(0, whole);
  }

  #newline(bytes: Buffer, from: number): number {
    if (this.#unitBytes === 1) return bytes.indexOf(LF, from);
    const lineFeed = lineFeedOf[this.#encoding];
    let at = bytes.indexOf(lineFeed, from);
    while (at >= 0 && at % 2 === 1) at = bytes.indexOf(lineFeed, at + 1); // the halves of two other units
    return at;
  }

  #skipToLineEnd(bytes: Buffer, base: number): number {
    const newline = this.#newline(bytes, 0);
    if (newline < 0) return bytes.length;
    const endOffset = base + newline + this.#unitBytes;
    this.#endCut(endOffset);
    this.#lineStart = endOffset;
    return this.#skipNuls(bytes, newline + this.#unitBytes);
  }

  #endCut(endOffset: number): void {
    if (endOffset > this.#lineStart) this.#cuts.push({ startOffset: this.#lineStart, endOffset });
    this.#isInsideLine = false;
  }

  /** At the beginning of a line only. */
  #skipNuls(bytes: Buffer, from: number): number {
    let at = from;
    if (this.#keptBytes === 0 && this.#skippedBytes === 0) {
      if (this.#unitBytes === 1) while (at < bytes.length && bytes[at] === 0) at++;
      else while (at < bytes.length && bytes[at] === 0 && bytes[at + 1] === 0) at += 2;
    }
    this.#nulBytes += at - from;
    return at;
  }

  /** @param copyOf for bytes that must outlive their chunk. */
  #keep(bytes: Buffer, copyOf = (kept: Buffer): Buffer => kept): void {
    const room = this.#maxLineBytes - this.#keptBytes;
    const kept = bytes.length > room ? bytes.subarray(0, Math.max(room, 0)) : bytes;
    if (kept.length > 0) this.#kept.push(copyOf(kept));
    this.#keptBytes += kept.length;
    this.#skippedBytes += bytes.length - kept.length;
  }

  #cutEarly(): Line {
    const start = this.#lineStart + this.#nulBytes + this.#keptBytes;
    const line = this.#complete(this.#end) ?? { text: '', endOffset: this.#end };
    this.#cuts.push({ startOffset: start, endOffset: this.#end });
    this.#lineStart = this.#end;
    this.#isInsideLine = true;
    const metadata = (line.metadata ?? []).filter(([type]) => type !== 'original_bytes'); // nobody knows yet
    return { ...line, metadata };
  }

  #complete(endOffset: number, marks: readonly (readonly [string, string])[] = []): Line | null {
    let bytes = this.#kept.length === 1 ? (this.#kept[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#kept);
    const metadata: (readonly [string, string])[] = [];
    if (this.#skippedBytes > 0) {
      metadata.push(['truncated', 'true'], ['original_bytes', String(this.#keptBytes + this.#skippedBytes)]);
      bytes = withoutCutCharacter(bytes, this.#encoding);
    } else {
      bytes = this.#withoutReturns(bytes);
    }
    if (this.#nulBytes > 0) metadata.push(['nul_bytes', String(this.#nulBytes)]);
    const isAtFileStart = this.#lineStart === 0;
    const isEmpty = bytes.length === 0 && this.#nulBytes === 0;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#skippedBytes = 0;
    this.#nulBytes = 0;
    if (isEmpty) {
      if (endOffset > this.#lineStart) this.#countEmpty();
      return null;
    }
    const hasMark = isAtFileStart && encodingOfMark(bytes) === this.#encoding;
    const { text: all, isExact } = decode(bytes, this.#encoding);
    const text = hasMark ? all.slice(1) : all; // a byte order mark is not text
    if (text === '' && hasMark && bytes.length <= 3) {
      this.#countEmpty();
      return null;
    }
    if (!isExact) metadata.push(['raw_base64', bytes.toString('base64')]); // what replacement characters cannot give back
    metadata.push(...marks);
    const emptyLinesBefore = this.#takeEmptyRun();
    return {
      text,
      endOffset,
      ...(emptyLinesBefore > 0 ? { emptyLinesBefore } : {}),
      ...(metadata.length > 0 ? { metadata } : {}),
    };
  }

  #countEmpty(): void {
    this.#emptyLines++;
    this.#emptyRun++;
  }

  #takeEmptyRun(): number {
    const count = this.#emptyRun;
    this.#emptyRun = 0;
    return count;
  }

  #withoutReturns(bytes: Buffer): Buffer {
    let textEnd = bytes.length;
    if (this.#unitBytes === 1) {
      while (textEnd > 0 && bytes[textEnd - 1] === CR) textEnd--;
    } else {
      const back = carriageReturnOf[this.#encoding];
      while (textEnd > 1 && bytes[textEnd - 2] === back[0] && bytes[textEnd - 1] === back[1]) textEnd -= 2;
    }
    return bytes.subarray(0, textEnd);
  }
}
