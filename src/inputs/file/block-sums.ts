/**
 * Checksums of what was read of a file, in blocks that grow with the offset: tells whether a file that has become shorter still
 * begins with what was read. Takes 8 KiB for the first 64 KiB of a file and 1.5 KiB for each fourfold more.
 */
import { crc32 } from 'node:zlib';

/** Blocks of 16 bytes up to 64 KiB; from there each fourfold stretch has 768 blocks. */
const firstBlockBytes = 16;
const firstStretchEnd = 64 * 1024;
const secondBlockBytes = 256;

export class BlockSums {
  /** 16 bits of the CRC of each whole block, from the file's beginning. */
  #sums = new Uint16Array(16);
  #count = 0;
  #blockStart = 0;
  #blockBytes = firstBlockBytes;
  /** Running sum of the block that is not whole yet. */
  #running = 0;
  #end = 0;
  /** Bytes were passed over: nothing is known of the file. */
  #isBroken = false;

  /** @param offset of the first of `bytes`; they must follow what was added before. */
  add(bytes: Buffer, offset: number): void {
    if (offset !== this.#end) this.#isBroken = true;
    if (this.#isBroken) return;
    let at = 0;
    while (at < bytes.length) {
      const wanted = this.#blockStart + this.#blockBytes - this.#end;
      const part = bytes.subarray(at, at + wanted);
      this.#running = crc32(part, this.#running);
      this.#end += part.length;
      at += part.length;
      if (part.length === wanted) this.#endBlock();
    }
  }

  /** How far the first `size` bytes of a file can be compared: the last whole block before it; 0 when nothing is known. */
  comparable(size: number): number {
    if (this.#isBroken) return 0;
    let end = 0;
    for (let block = 0; block < this.#count && end + blockBytesAt(end) <= size; block++) end += blockBytesAt(end);
    return end;
  }

  /** Offset behind the last block from the beginning that `other` has in common with this. */
  commonWith(other: BlockSums): number {
    let end = 0;
    for (let block = 0; block < Math.min(this.#count, other.#count); block++) {
      if (this.#sums[block] !== other.#sums[block]) break;
      end += blockBytesAt(end);
    }
    return end;
  }

  #endBlock(): void {
    if (this.#count === this.#sums.length) {
      const grown = new Uint16Array(this.#sums.length * 2);
      grown.set(this.#sums);
      this.#sums = grown;
    }
    this.#sums[this.#count++] = this.#running & 0xffff;
    this.#running = 0;
    this.#blockStart = this.#end;
    this.#blockBytes = blockBytesAt(this.#end);
  }
}

function blockBytesAt(offset: number): number {
  if (offset < firstStretchEnd) return firstBlockBytes;
  let bytes = secondBlockBytes;
  for (let end = firstStretchEnd * 4; offset >= end; end *= 4) bytes *= 4;
  return bytes;
}
