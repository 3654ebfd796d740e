/**
 * Puts datagrams into slabs, sends full or waiting ones off and counts what found no room: the thread's side of datagram-protocol.ts,
 * however the datagrams are received.
 */
import {
  type DatagramCounts,
  type DatagramThreadOptions,
  type FromDatagramThread,
  cutBit,
  datagramHeaderBytes,
  entryBytes,
  maxDatagramBytes,
  maxPeersPerSlab,
} from '../datagram-protocol.ts';
import { messageEnd } from '../message-line.ts';
import type { DatagramBytes } from './datagram-slots.ts';

/** While this many slabs are under way only full ones follow: many small ones would use up the slabs on little text. */
const maxPartialUnderWay = 2;
/** Of longer ones there are fewer, and copying by bytes is faster. */
const longestByWords = 2048;

export class SlabFiller {
  readonly #options: DatagramThreadOptions;
  readonly #tell: (message: FromDatagramThread, transfer?: ArrayBuffer[]) => void;
  /** Slabs that are here; the one being filled is not among them. */
  readonly #free: ArrayBuffer[] = [];
  readonly #maxBytes: number;
  #made = 0;
  #filling: Buffer | null = null;
  /** The same memory: entries begin at whole words. */
  #fillingWords = new Uint32Array(0);
  #filledBytes = 0;
  #peers: string[] = [];
  #places = new Map<string, number>();
  #datagrams = 0;
  #bytes = 0;
  #empty = 0;
  #dropped = 0;

  constructor(options: DatagramThreadOptions, tell: (message: FromDatagramThread, transfer?: ArrayBuffer[]) => void) {
    this.#options = options;
    this.#maxBytes = Math.min(options.maxMessageBytes, maxDatagramBytes);
    this.#tell = tell;
  }

  get counts(): DatagramCounts {
    return { datagrams: this.#datagrams, bytes: this.#bytes, empty: this.#empty, dropped: this.#dropped };
  }

  /** There is something to send, and the daemon has not fallen behind. */
  get shouldFlush(): boolean {
    const underWay = this.#made - this.#free.length - (this.#filling === null ? 0 : 1);
    return this.#filledBytes > 0 && underWay < maxPartialUnderWay;
  }

  /** The next datagram finds room, however long it is. */
  get hasRoom(): boolean {
    return this.#free.length > 0 || this.#made < this.#options.slabs;
  }

  /** Copies the datagram in `source.bytes[start, start + length)`. See TakeDatagram. */
  take({ bytes, words }: DatagramBytes, start: number, length: number, wasLonger: boolean, address: string): void {
    this.#datagrams++;
    this.#bytes += length;
    const wholeSize = messageEnd(bytes, start, start + length) - start;
    if (wholeSize === 0) {
      this.#empty++;
      return;
    }
    const size = Math.min(wholeSize, this.#maxBytes);
    const isCut = wasLonger || size < wholeSize;
    const needed = entryBytes(size);
    const isFull = this.#filling !== null && this.#filledBytes + needed > this.#filling.length;
    if (isFull || this.#peers.length === maxPeersPerSlab) this.flush();
    this.#filling ??= this.#nextSlab();
    if (this.#filling === null) {
      this.#dropped++;
      return;
    }
    const at = this.#filledBytes;
    this.#fillingWords[at / 4] = size | (this.#placeOf(address) << 16) | (isCut ? cutBit : 0);
    if (words === null || size > longestByWords)
      bytes.copy(this.#filling, at + datagramHeaderBytes, start, start + size);
    else copyWords(words, start / 4, this.#fillingWords, (at + datagramHeaderBytes) / 4, size);
    this.#filledBytes += needed;
  }

  /** The daemon has read the slab. */
  returned(slab: ArrayBuffer): void {
    this.#free.push(slab);
  }

  flush(): void {
    if (this.#filling === null || this.#filledBytes === 0) return;
    const slab = this.#filling.buffer as ArrayBuffer;
    const usedBytes = this.#filledBytes;
    this.#tell({ kind: 'datagrams', slab, usedBytes, peers: this.#peers, counts: this.counts }, [slab]);
    this.#filling = null;
    this.#filledBytes = 0;
    this.#peers = [];
    this.#places = new Map();
  }

  #placeOf(address: string): number {
    const known = this.#places.get(address);
    if (known !== undefined) return known;
    this.#places.set(address, this.#peers.length);
    return this.#peers.push(address) - 1;
  }

  #nextSlab(): Buffer | null {
    let slab = this.#free.pop();
    if (slab === undefined) {
      if (this.#made === this.#options.slabs) return null;
      this.#made++;
      slab = new ArrayBuffer(this.#options.slabBytes);
    }
    this.#fillingWords = new Uint32Array(slab);
    return Buffer.from(slab);
  }
}

/** Buffer.copy makes an object for each piece it copies, and the garbage of 50,000 a second makes the thread pause. */
function copyWords(from: Uint32Array, fromWord: number, to: Uint32Array, toWord: number, byteCount: number): void {
  const count = (byteCount + 3) >>> 2;
  for (let word = 0; word < count; word++) to[toWord + word] = from[fromWord + word] as number;
}
