/**
 * Tells which blocks of rows can hold a text: the second way to narrow a search down.
 *
 * The full-text index (text-index.ts) holds runs of letters, into which ids and numbers fall apart: of `id=1eef` it knows nothing that is rare.
 * Here each three bytes that follow one another in a message (upper and lower case of ASCII alike, as LIKE has it) set one of 8192 bits for the block of
 * 64 rows that the message is in. A block that lacks a bit of the text does not hold it; whether one that has them all does is decided
 * by the search's own condition.
 *
 * A sealed segment has the table `logs_text_blocks`. Of the hot file, and of a closed one, each reader thread keeps the bits that it needed
 * (unsealed-rows.ts).
 */
import type { SegmentRange } from '../segments.ts';
import type { Sqlite } from './sqlite.ts';
import { type TextCandidates, idCandidates } from './text-index.ts';

const rowsPerBlock = 64;
const bitCount = 8192;
/** A file of fewer rows is read through sooner. */
export const fewestRowsForBlocks = 2000;

type IdRange = Pick<SegmentRange, 'firstId' | 'lastId'>;

/**
 * The bits of all blocks from the first id on, as a bitmap of the blocks for each bit. It grows.
 *
 * Each bit of a row lies in another line of the processor's cache. So those of one block are collected first, and each goes to its bitmap once.
 */
export class TextBlocks {
  readonly #firstBlock: number;
  /** Bytes of a bitmap. */
  #stride: number;
  #bitmaps: Uint8Array;
  /** The block that is being added to: which bits it has, and a list of these. */
  #block = 0;
  readonly #has = new Uint8Array(bitCount);
  readonly #bits = new Uint16Array(bitCount);
  #count = 0;

  constructor({ firstId, lastId }: IdRange) {
    this.#firstBlock = blockOf(firstId);
    this.#stride = ((blockOf(lastId) - this.#firstBlock) >>> 3) + 1;
    this.#bitmaps = new Uint8Array(bitCount * this.#stride);
  }

  add(id: number, bytes: Uint8Array, start: number, length: number): void {
    const block = blockOf(id) - this.#firstBlock;
    if (block !== this.#block) this.#finishBlock();
    this.#block = block;
    const [has, bits] = [this.#has, this.#bits];
    let [three, count] = [0, this.#count];
    for (let at = start; at < start + length; at++) {
      three = ((three << 8) | folded(bytes[at] ?? 0)) & 0xffffff;
      if (at < start + 2) continue;
      const bit = bitOf(three);
      if (has[bit] === 1) continue;
      has[bit] = 1;
      bits[count++] = bit;
    }
    this.#count = count;
  }

  /** Of the blocks that have the bit; good until more is added. */
  bitmap(bit: number): Uint8Array {
    this.#finishBlock();
    return this.#bitmaps.subarray(bit * this.#stride, (bit + 1) * this.#stride);
  }

  #finishBlock(): void {
    if (this.#count === 0) return;
    const [place, mask] = [this.#block >>> 3, 1 << (this.#block & 7)];
    if (place >= this.#stride) this.#grow(place + 1);
    const [stride, bitmaps, has, bits] = [this.#stride, this.#bitmaps, this.#has, this.#bits];
    for (let at = 0; at < this.#count; at++) {
      const bit = bits[at] ?? 0;
      const index = bit * stride + place;
      bitmaps[index] = (bitmaps[index] ?? 0) | mask;
      has[bit] = 0;
    }
    this.#count = 0;
  }

  #grow(least: number): void {
    const stride = Math.max(least, this.#stride * 2);
    const bitmaps = new Uint8Array(bitCount * stride);
    for (let bit = 0; bit < bitCount; bit++)
      bitmaps.set(this.#bitmaps.subarray(bit * this.#stride, (bit + 1) * this.#stride), bit * stride);
    this.#stride = stride;
    this.#bitmaps = bitmaps;
  }
}

export function storeTextBlocks(database: Sqlite, blocks: TextBlocks): void {
  database.exec('CREATE TABLE logs_text_blocks (bit INTEGER PRIMARY KEY, blocks BLOB NOT NULL)');
  for (let bit = 0; bit < bitCount; bit++) {
    const bitmap = blocks.bitmap(bit);
    if (bitmap.some((byte) => byte !== 0)) database.run('INSERT INTO logs_text_blocks VALUES (?, ?)', [bit, bitmap]);
  }
}

/** Of a sealed segment: the bitmap of each bit, as far as any block has it. Null for a segment without the table: a small or an older one. */
export function storedBitmaps(database: Sqlite): ((bits: readonly number[]) => Uint8Array[]) | null {
  const known = database.get("SELECT 1 AS known FROM sqlite_schema WHERE name = 'logs_text_blocks'");
  if (known === undefined) return null;
  return (bits) =>
    database
      .all<{ blocks: Uint8Array }>(
        'SELECT blocks FROM logs_text_blocks WHERE bit IN (SELECT value FROM json_each(?))',
        [JSON.stringify(bits)],
      )
      .map(({ blocks }) => blocks);
}

type BitmapsOf = (bits: readonly number[]) => readonly Uint8Array[];

/** Null when the texts are too short to tell, or more than one in ten rows is left. */
export function blockCandidates(texts: readonly string[], range: IdRange, bitmapsOf: BitmapsOf): TextCandidates | null {
  const ids = idsInBlocks(texts, range, bitmapsOf, (range.lastId - range.firstId + 1) / 10);
  return ids && idCandidates(ids);
}

/** Of rows that can hold the texts, rising. Null when the texts are too short to tell, or they are more than `most`. */
export function idsInBlocks(
  texts: readonly string[],
  { firstId, lastId }: IdRange,
  bitmapsOf: BitmapsOf,
  most: number,
): number[] | null {
  const bits = bitsOf(texts);
  if (bits.length === 0) return null;
  const [first, ...others] = bitmapsOf(bits);
  const isHeld = first !== undefined && others.length + 1 === bits.length;
  const ids: number[] = [];
  for (let place = 0; isHeld && place < first.length; place++) {
    let byte = first[place] ?? 0;
    for (const bitmap of others) byte &= bitmap[place] ?? 0;
    for (let bit = 0; byte >>> bit !== 0; bit++) {
      if (((byte >>> bit) & 1) === 0) continue;
      const begin = (blockOf(firstId) + place * 8 + bit) * rowsPerBlock;
      for (let id = Math.max(begin, firstId); id <= Math.min(begin + rowsPerBlock - 1, lastId); id++) ids.push(id);
      if (ids.length > most) return null;
    }
  }
  return ids;
}

/** All that a message with the texts sets. */
function bitsOf(texts: readonly string[]): number[] {
  const bits = new Set<number>();
  for (const text of texts) {
    const bytes = Buffer.from(text);
    for (let at = 2; at < bytes.length; at++) {
      const [a, b, c] = [folded(bytes[at - 2] ?? 0), folded(bytes[at - 1] ?? 0), folded(bytes[at] ?? 0)];
      bits.add(bitOf((a << 16) | (b << 8) | c));
    }
  }
  return [...bits];
}

function folded(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte;
}

/** Thirteen bits of a multiplicative hash. */
function bitOf(three: number): number {
  return Math.imul(three, 0x9e3779b1) >>> 19;
}

function blockOf(id: number): number {
  return Math.floor(id / rowsPerBlock);
}
