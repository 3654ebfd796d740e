/**
 * Makes entries of lines: opens the container runtime's envelope, joins the parts of split lines and the lines of one record, each
 * stream for itself, and says how far the source is covered by the entries that are complete.
 *
 * Entries come out in the order of their first lines, and only when all lines before their last one are in entries too: so the
 * position that is committed with them never stands inside a record, and a restart reads an unfinished one again from its beginning.
 * What that holds back is bounded: beyond it, open records are closed where they are.
 */
import type { Line } from '../../inputs/input.ts';
import type { Enveloped } from '../../parsers/envelope.ts';
import type { Metadata } from '../../record/log-record.ts';
import type { Grouping } from './grouping.ts';

/** One entry's text, ready to be parsed. */
export interface FramedEntry {
  readonly text: string;
  /** Name of the envelope it was in. */
  readonly envelope?: string | undefined;
  /** The envelope's time of the first line. */
  readonly timestamp?: string | undefined;
  readonly metadata?: Metadata | undefined;
}

export interface FramerOptions {
  /** Null: the line is in no envelope. Absent: the source has none. */
  readonly open?: ((text: string) => Enveloped | null) | undefined;
  /** Makes the grouping of one stream. */
  readonly createGrouping: () => Grouping;
  /** A record is closed before it would exceed either; what follows is a record of its own, marked `continued`. */
  readonly maxLines: number;
  readonly maxBytes: number;
  /** A record that got no line for this long is closed; much sooner where its grouping expects none. */
  readonly quietMs: number;
}

/** A record under construction, or one that waits for an earlier one. */
interface Held {
  readonly parts: string[];
  readonly envelope: string | undefined;
  readonly firstLine: number;
  readonly timestamp: string | undefined;
  metadata: [string, string][] | undefined;
  lastLine: number;
  lastOffset: number;
  lineCount: number;
  bytes: number;
  readonly firstAtMs: number;
  lastAtMs: number;
  isOpen: boolean;
}

interface Stream {
  readonly grouping: Grouping;
  held: Held | null;
  /** The last line's rest is still to come: whether the record is complete with it. */
  midLine: { readonly isLast: boolean } | null;
}

/** How long a record is held that most likely has no further line. */
const likelyCompleteMs = 20;
const maxHeld = 2000;
const maxHeldBytes = 4 * 1024 * 1024;
/** Streams whose records overlap all the time would otherwise never reach a point to commit. */
const maxHeldMs = 5000;
/** More blank lines than this inside a record say no more. */
const maxBlankLines = 100;

export class Framer {
  readonly #options: FramerOptions;
  readonly #streams = new Map<string, Stream>();
  /** Not ready yet, in the order of their first lines. */
  #held: Held[] = [];
  #heldBytes = 0;
  #ready: FramedEntry[] = [];
  #lineNumber = 0;
  #coveredOffset: number | undefined;

  constructor(options: FramerOptions) {
    this.#options = options;
  }

  /** True while lines have been taken in that are not in a ready entry. */
  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** Offset behind the last line that ready entries cover without a hole; undefined before the first. */
  get coveredOffset(): number | undefined {
    return this.#coveredOffset;
  }

  /** The entries that have become ready, in order; they are the caller's from here on. */
  take(): FramedEntry[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  /** @param nowMs monotonic. */
  push(line: Line, nowMs: number): void {
    this.#lineNumber++;
    const enveloped = this.#options.open?.(line.text) ?? null;
    const stream = this.#streamOf(enveloped?.stream ?? '');
    const text = enveloped?.text ?? line.text;
    const isPartial = enveloped?.isPartial ?? false;
    if (stream.midLine !== null) {
      this.#addRest(stream, text, line, isPartial, nowMs);
      return;
    }
    const verdict = stream.grouping.next(text, isPartial);
    const isLast = verdict === 'alone' || verdict === 'ends';
    if ((verdict === 'continues' || verdict === 'ends') && stream.held !== null) {
      this.#addLine(stream, text, line, enveloped, nowMs);
    } else {
      if (stream.held !== null) this.#close(stream);
      if (isLast && !isPartial && this.#held.length === 0) {
        this.#ready.push(entryOf(text, line, enveloped));
        this.#coveredOffset = line.endOffset;
        return;
      }
      this.#begin(stream, text, line, enveloped, nowMs);
    }
    if (isPartial) stream.midLine = { isLast };
    else if (isLast) this.#close(stream);
    this.#boundWhatIsHeld(nowMs);
  }

  /** Closes the records that have been quiet for long enough. */
  closeQuiet(nowMs: number): void {
    this.#boundWhatIsHeld(nowMs);
    for (const stream of this.#streams.values()) {
      if (stream.held === null || nowMs < this.#quietAtMs(stream, stream.held)) continue;
      this.#close(stream);
      stream.grouping.forget();
    }
  }

  /** When `closeQuiet` is to be called if no more lines come; Infinity while nothing is open. */
  get nextQuietAtMs(): number {
    return Math.min(
      Infinity,
      ...[...this.#streams.values()].map((stream) =>
        stream.held === null ? Infinity : this.#quietAtMs(stream, stream.held),
      ),
    );
  }

  /** The source has ended, or nothing more is wanted of it. */
  closeAll(): void {
    for (const stream of this.#streams.values()) {
      if (stream.held === null) continue;
      this.#close(stream);
      stream.grouping.forget();
    }
  }

  #quietAtMs({ grouping, midLine }: Stream, { lastAtMs }: Held): number {
    const { quietMs } = this.#options;
    return lastAtMs + (midLine !== null || grouping.expectsMore ? quietMs : Math.min(quietMs, likelyCompleteMs));
  }

  #streamOf(name: string): Stream {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = { grouping: this.#options.createGrouping(), held: null, midLine: null };
      this.#streams.set(name, stream);
    }
    return stream;
  }

  #begin(stream: Stream, text: string, line: Line, enveloped: Enveloped | null, nowMs: number): Held {
    const held: Held = {
      parts: [text],
      envelope: enveloped?.envelope,
      firstLine: this.#lineNumber,
      timestamp: enveloped?.timestamp,
      metadata: metadataOf(line, enveloped),
      lastLine: this.#lineNumber,
      lastOffset: line.endOffset,
      lineCount: 1,
      bytes: text.length,
      firstAtMs: nowMs,
      lastAtMs: nowMs,
      isOpen: true,
    };
    this.#held.push(held);
    this.#heldBytes += text.length;
    stream.held = held;
    return held;
  }

  #addLine(stream: Stream, text: string, line: Line, enveloped: Enveloped | null, nowMs: number): void {
    const { maxLines, maxBytes } = this.#options;
    const held = stream.held;
    if (held === null) return;
    if (held.lineCount >= maxLines || held.bytes + text.length > maxBytes) {
      this.#cut(stream, text, line, enveloped, nowMs);
      return;
    }
    held.parts.push('\n'.repeat(1 + Math.min(line.emptyLinesBefore ?? 0, maxBlankLines)), text);
    held.lineCount++;
    this.#grow(held, text.length + 1, line, nowMs);
    if (line.metadata !== undefined) held.metadata = [...(held.metadata ?? []), ...copyOf(line.metadata)];
  }

  /** The rest, or a further part, of a split line. */
  #addRest(stream: Stream, text: string, line: Line, isPartial: boolean, nowMs: number): void {
    const { isLast } = stream.midLine ?? { isLast: false };
    let held = stream.held;
    if (held === null || held.bytes + text.length > this.#options.maxBytes) {
      held = this.#cut(stream, text, line, null, nowMs);
    } else {
      held.parts.push(text);
      this.#grow(held, text.length, line, nowMs);
      if (line.metadata !== undefined) held.metadata = [...(held.metadata ?? []), ...copyOf(line.metadata)];
    }
    stream.midLine = isPartial ? { isLast } : null;
    if (!isPartial && isLast) this.#close(stream);
    this.#boundWhatIsHeld(nowMs);
  }

  /** The record has reached its bound: it ends here, and what follows is another, which says so. */
  #cut(stream: Stream, text: string, line: Line, enveloped: Enveloped | null, nowMs: number): Held {
    const before = stream.held;
    if (before !== null) {
      (before.metadata ??= []).push(['continues', 'true']);
      this.#close(stream);
    }
    const held = this.#begin(stream, text, line, enveloped, nowMs);
    (held.metadata ??= []).push(['continued', 'true']);
    return held;
  }

  #grow(held: Held, bytes: number, line: Line, nowMs: number): void {
    held.bytes += bytes;
    this.#heldBytes += bytes;
    held.lastLine = this.#lineNumber;
    held.lastOffset = line.endOffset;
    held.lastAtMs = nowMs;
  }

  #close(stream: Stream): void {
    if (stream.held === null) return;
    stream.held.isOpen = false;
    stream.held = null;
    stream.midLine = null;
    if (this.#held[0]?.isOpen === false) this.#release();
  }

  /** Makes ready the entries in front that no open record, and no line of one, stands before or between. */
  #release(): void {
    let released = 0;
    let last: Held | undefined;
    for (let index = 0; index < this.#held.length; index++) {
      const held = this.#held[index];
      if (held === undefined || held.isOpen) break;
      if (last === undefined || held.lastLine > last.lastLine) last = held;
      const next = this.#held[index + 1];
      if (next === undefined || next.firstLine > last.lastLine) {
        released = index + 1;
        this.#coveredOffset = last.lastOffset;
      }
    }
    for (const held of this.#held.splice(0, released)) {
      this.#heldBytes -= held.bytes;
      const text = held.parts.length === 1 ? (held.parts[0] ?? '') : held.parts.join('');
      const { envelope, timestamp, metadata } = held;
      this.#ready.push({ text, envelope, timestamp, metadata });
    }
  }

  #boundWhatIsHeld(nowMs: number): void {
    const [first] = this.#held;
    if (first === undefined || this.#held.length < 2) return; // one record alone has its own bounds
    const isTooMuch = this.#held.length > maxHeld || this.#heldBytes > maxHeldBytes;
    if (isTooMuch || nowMs - first.firstAtMs > maxHeldMs) this.closeAll();
  }
}

function entryOf(text: string, line: Line, enveloped: Enveloped | null): FramedEntry {
  if (enveloped === null) return line;
  const { envelope, timestamp } = enveloped;
  return { text, envelope, timestamp, metadata: metadataOf(line, enveloped) };
}

function metadataOf(line: Line, enveloped: Enveloped | null): [string, string][] | undefined {
  if (enveloped === null) return line.metadata === undefined ? undefined : copyOf(line.metadata);
  return [...copyOf(enveloped.metadata), ...copyOf(line.metadata ?? [])];
}

function copyOf(metadata: Metadata): [string, string][] {
  return metadata.map(([type, value]) => [type, value]);
}
