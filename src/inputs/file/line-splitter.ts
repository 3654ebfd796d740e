/**
 * Cuts a stream of bytes into lines, with the offset each one ends at. Knows nothing of files.
 *
 * A line ends at LF; CRs before it are not part of it. Bytes behind the last LF wait for more, at most `maxLineBytes` of them:
 * what a longer line has beyond that is counted and skipped, not kept.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import type { Line } from '../input.ts';

const LF = 0x0a;
const CR = 0x0d;

export class LineSplitter {
  readonly #maxLineBytes: number;
  /** Offset behind the last complete line. */
  #lineStart: number;
  /** Offset behind the last byte taken in. */
  #end: number;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Bytes of the waiting line that were skipped because it is too long. */
  #skippedBytes = 0;
  /** NULs the waiting line began with: a hole that a truncation left under a writer that does not append. */
  #nulBytes = 0;
  #emptyLines = 0;
  /** Of them, those since the last line with content. */
  #emptyRun = 0;

  constructor(maxLineBytes: number, startOffset: number) {
    this.#maxLineBytes = maxLineBytes;
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

  /** Lines without content met since the last call: they are not handed on. */
  takeEmptyLines(): number {
    const count = this.#emptyLines;
    this.#emptyLines = 0;
    return count;
  }

  /** The lines that `chunk` completes. Their text is copied: the chunk's memory may be used again. */
  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    const isPlain = isAscii(chunk);
    let from = this.#skipNuls(chunk, 0);
    for (let newline = chunk.indexOf(LF, from); newline >= 0; newline = chunk.indexOf(LF, from)) {
      const endOffset = this.#end + newline + 1;
      if (isPlain && this.#isFresh && newline - from <= this.#maxLineBytes) {
        let textEnd = newline;
        while (textEnd > from && chunk[textEnd - 1] === CR) textEnd--;
        if (textEnd > from) {
          const text = chunk.toString('latin1', from, textEnd);
          lines.push(
            this.#emptyRun === 0 ? { text, endOffset } : { text, endOffset, emptyLinesBefore: this.#takeEmptyRun() },
          );
        } else this.#countEmpty();
      } else {
        this.#keep(chunk.subarray(from, newline));
        const line = this.#complete(endOffset);
        if (line !== null) lines.push(line);
      }
      this.#lineStart = endOffset;
      from = this.#skipNuls(chunk, newline + 1);
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from), (kept) => Buffer.from(kept));
    this.#end += chunk.length;
    return lines;
  }

  /** The bytes that wait for a newline that will not come, as a line marked `partial`; null when there are none. */
  finish(): Line | null {
    const line = this.#complete(this.#end, [['partial', 'true']]);
    this.#lineStart = this.#end;
    return line;
  }

  get #isFresh(): boolean {
    return this.#keptBytes === 0 && this.#skippedBytes === 0 && this.#nulBytes === 0;
  }

  /** At the beginning of a line only. */
  #skipNuls(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#keptBytes === 0 && this.#skippedBytes === 0) while (at < chunk.length && chunk[at] === 0) at++;
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

  #complete(endOffset: number, marks: readonly (readonly [string, string])[] = []): Line | null {
    let bytes = this.#kept.length === 1 ? (this.#kept[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#kept);
    const metadata: (readonly [string, string])[] = [];
    if (this.#skippedBytes > 0) {
      metadata.push(['truncated', 'true'], ['original_bytes', String(this.#keptBytes + this.#skippedBytes)]);
    } else {
      let textEnd = bytes.length;
      while (textEnd > 0 && bytes[textEnd - 1] === CR) textEnd--;
      bytes = bytes.subarray(0, textEnd);
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
    let text = bytes.toString('utf8');
    if (isAtFileStart && text.startsWith('\ufeff')) text = text.slice(1); // a byte order mark is not text
    // What replacement characters cannot give back; a cut line may end inside a character, which says nothing.
    if (!isUtf8(bytes) && !metadata.some(([type]) => type === 'truncated'))
      metadata.push(['raw_base64', bytes.toString('base64')]);
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
}
