/**
 * Cuts the bytes of one syslog stream connection into messages: RFC 6587, both framings, told apart by how the connection begins.
 *
 * Octet counting (section 3.4.1, RFC 5425 section 4.3): `MSG-LEN SP MSG`, MSG-LEN without leading zero. Non-transparent framing
 * (section 3.4.2): each message ends in a newline, or in NUL as glibc sends it on a stream /dev/log. Pure: no socket, no clock; the
 * same messages come out however the bytes are split.
 *
 * A counting connection whose next frame begins with neither a count nor `<` has lost its step, and what follows could be the inside
 * of a message: the rest is given out once, marked, and `isBroken` asks the caller to close. The sender starts clean on its next one.
 */
import { messageEnd } from './message-line.ts';

export interface Frame {
  /** Without trailer; a view of memory that lives on. Never empty. */
  readonly bytes: Buffer;
  /** Cut at `maxMessageBytes`, or by the connection's end in the middle of a counted message. */
  readonly isTruncated: boolean;
  /** Bytes behind a wrong count: text is kept, but nobody knows where its messages begin and end. */
  readonly isBroken: boolean;
}

const LF = 0x0a;
const NUL = 0x00;
const SP = 0x20;
const ANGLE = 0x3c;

/** MSG-LEN has no bound in the RFC; ten digits are 10 GB. */
const maxCountDigits = 10;
/** A count this many times over the longest message is taken for a wrong one: obeying it would swallow all that follows. */
const maxCountFactor = 16;

/** start -> counted -> between -> ...; start -> lines; between -> line -> between; any -> broken. Changed only in `#step`. */
type State =
  | { readonly kind: 'start' }
  | { readonly kind: 'lines' }
  | { readonly kind: 'between' }
  | { readonly kind: 'counted'; left: number }
  | { readonly kind: 'line' }
  | { readonly kind: 'broken' };

export class SyslogFramer {
  readonly #maxMessageBytes: number;
  #state: State = { kind: 'start' };
  /** What has come of an unfinished message (or count), at most `maxMessageBytes`. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #isCut = false;
  /** Of the chunk that is read: no NUL stands between where it was looked for and here; its end where there is none. */
  #nextNul = -1;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Memory taken by what is unfinished. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** True once the connection has lost its step: nothing more is read from it. */
  get isBroken(): boolean {
    return this.#state.kind === 'broken';
  }

  /** The messages that `chunk` completes. The chunk must not be written to afterwards. */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    this.#nextNul = -1;
    let at = 0;
    while (at < chunk.length && !this.isBroken) at = this.#step(chunk, at, frames);
    // A view of the chunk would keep all of it in memory for as long as the message is unfinished.
    const last = this.#held.length - 1;
    if (this.#held[last]?.buffer === chunk.buffer) this.#held[last] = Buffer.from(this.#held[last]);
    return frames;
  }

  /** The connection has ended: what is unfinished is the last message. */
  end(): Frame[] {
    const frames: Frame[] = [];
    if (this.#state.kind === 'counted') this.#isCut = true;
    this.#give(frames);
    this.#state = { kind: 'broken' };
    return frames;
  }

  /** Reads on from `at`; answers where to go on. */
  #step(chunk: Buffer, at: number, frames: Frame[]): number {
    const state = this.#state;
    switch (state.kind) {
      case 'start':
      case 'between':
        return this.#readCount(chunk, at, frames);
      case 'counted': {
        const end = Math.min(chunk.length, at + state.left);
        if (end - at === state.left && this.#isWhole(end - at)) {
          giveView(frames, chunk, at, end);
          this.#state = { kind: 'between' };
          return end;
        }
        this.#hold(chunk.subarray(at, end));
        state.left -= end - at;
        if (state.left === 0) {
          this.#give(frames);
          this.#state = { kind: 'between' };
        }
        return end;
      }
      case 'line':
      case 'lines': {
        const end = this.#trailerAt(chunk, at);
        if (end >= 0 && this.#isWhole(end - at)) {
          giveView(frames, chunk, at, end);
          if (state.kind === 'line') this.#state = { kind: 'between' };
          return end + 1;
        }
        this.#hold(chunk.subarray(at, end < 0 ? chunk.length : end));
        if (end < 0) return chunk.length;
        this.#give(frames);
        if (state.kind === 'line') this.#state = { kind: 'between' };
        return end + 1;
      }
      case 'broken':
        return chunk.length;
      default:
        return state satisfies never;
    }
  }

  /** At the beginning of a frame: a count and a space, or else a message that ends in a trailer. */
  #readCount(chunk: Buffer, from: number, frames: Frame[]): number {
    let at = from;
    // Senders that count the message without the newline they add: lone trailers between frames carry nothing.
    while (this.#heldBytes === 0 && at < chunk.length && isTrailer(chunk[at])) at++;
    const digitsFrom = at;
    const held = this.#heldBytes;
    while (at < chunk.length && isDigit(chunk[at]) && held + at - digitsFrom <= maxCountDigits) at++;
    if (at === chunk.length) {
      this.#hold(chunk.subarray(digitsFrom, at));
      return at;
    }
    const digits = `${this.#heldText()}${chunk.toString('latin1', digitsFrom, at)}`;
    const count = Number(digits);
    const isCount =
      chunk[at] === SP && /^[1-9]\d*$/.test(digits) && digits.length <= maxCountDigits && this.#isBelievable(count);
    if (isCount) {
      this.#forget();
      this.#state = { kind: 'counted', left: count };
      return at + 1;
    }
    if (this.#state.kind === 'start') {
      this.#state = { kind: 'lines' };
    } else if (digits === '' && chunk[at] === ANGLE) {
      this.#state = { kind: 'line' };
    } else {
      this.#hold(chunk.subarray(digitsFrom));
      this.#give(frames, true);
      this.#state = { kind: 'broken' };
      return chunk.length;
    }
    return digitsFrom;
  }

  /** So many bytes of the chunk are a whole message, and nothing of it came before. */
  #isWhole(bytes: number): boolean {
    return this.#heldBytes === 0 && bytes <= this.#maxMessageBytes;
  }

  /** Index of the next newline or NUL; -1 when there is none. */
  #trailerAt(chunk: Buffer, from: number): number {
    const newline = chunk.indexOf(LF, from);
    if (this.#nextNul < from) {
      const nul = chunk.indexOf(NUL, from);
      this.#nextNul = nul < 0 ? chunk.length : nul;
    }
    return this.#nextNul < (newline < 0 ? chunk.length : newline) ? this.#nextNul : newline;
  }

  #isBelievable(count: number): boolean {
    return count <= this.#maxMessageBytes * maxCountFactor;
  }

  #heldText(): string {
    return this.#held.map((part) => part.toString('latin1')).join('');
  }

  #hold(part: Buffer): void {
    const room = this.#maxMessageBytes - this.#heldBytes;
    if (part.length > room) this.#isCut = true;
    const kept = part.length > room ? part.subarray(0, room) : part;
    if (kept.length === 0) return;
    this.#held.push(kept);
    this.#heldBytes += kept.length;
    // A slow sender's bytes come one by one: without this a message of 64 KiB would be 65,536 buffers.
    if (this.#held.length > 64) this.#held = [Buffer.concat(this.#held)];
  }

  #give(frames: Frame[], isBroken = false): void {
    const [only] = this.#held;
    const bytes = this.#held.length === 1 && only !== undefined ? only : Buffer.concat(this.#held);
    const end = messageEnd(bytes);
    if (end > 0) frames.push({ bytes: bytes.subarray(0, end), isTruncated: this.#isCut, isBroken });
    this.#forget();
  }

  #forget(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#isCut = false;
  }
}

/** A message that came in one piece: most do. */
function giveView(frames: Frame[], chunk: Buffer, start: number, stop: number): void {
  const end = messageEnd(chunk, start, stop);
  if (end > start) frames.push({ bytes: chunk.subarray(start, end), isTruncated: false, isBroken: false });
}

function isTrailer(byte: number | undefined): boolean {
  return byte === LF || byte === NUL;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
