/**
 * What crosses between the thread that receives datagrams and the rest of the daemon, and how datagrams lie in a slab.
 *
 * A slab is a fixed piece of memory that travels between the two and is never copied: the thread fills it, the daemon makes lines of it
 * and sends it back. There are only so many; when all are under way, datagrams are dropped and counted.
 */

import type { DatagramAddress } from './listen-address.ts';

export interface DatagramThreadOptions {
  readonly address: DatagramAddress;
  /** A socket that is bound to the address already, and stays after us. */
  readonly inheritedFd?: number | undefined;
  /** Of a Unix socket: who may write to it. */
  readonly socketMode: number;
  readonly receiveBufferBytes: number;
  /** Longer datagrams are cut and marked. */
  readonly maxMessageBytes: number;
  /** Room for the longest datagram and its header, at least. */
  readonly slabBytes: number;
  readonly slabs: number;
}

/** Totals since the start. */
export interface DatagramCounts {
  readonly datagrams: number;
  readonly bytes: number;
  /** Of them, with nothing in them. */
  readonly empty: number;
  /** Of them, received while every slab was under way. */
  readonly dropped: number;
}

export type FromDatagramThread =
  | { readonly kind: 'listening'; readonly bound: DatagramAddress; readonly grantedBytes: number }
  | { readonly kind: 'failed'; readonly message: string; readonly code: string | undefined }
  | {
      readonly kind: 'datagrams';
      readonly slab: ArrayBuffer;
      readonly usedBytes: number;
      /** Sender addresses, empty from a Unix socket; datagrams name theirs by its place. */
      readonly peers: readonly string[];
      readonly counts: DatagramCounts;
    }
  | { readonly kind: 'counts'; readonly counts: DatagramCounts }
  | { readonly kind: 'stopped'; readonly counts: DatagramCounts };

export type ToDatagramThread = { readonly kind: 'slab'; readonly slab: ArrayBuffer } | { readonly kind: 'stop' };

/**
 * In front of each datagram a word: its length (16 bits), its peer's place (15 bits) and whether it was cut (the highest bit). The next
 * one begins at a whole word.
 */
export const datagramHeaderBytes = 4;
/** The most that is kept of one. Of UDP none is longer (65,507 bytes, over IPv6 65,527); one of a Unix socket may be. */
export const maxDatagramBytes = 65_535;
export const maxPeersPerSlab = 0x7fff;
export const cutBit = 0x8000_0000;

/** What a datagram of so many bytes takes of a slab. */
export function entryBytes(size: number): number {
  return (datagramHeaderBytes + size + 3) & ~3;
}

/**
 * @param peer place of its sender in the slab's `peers`.
 * @param isCut the rest of it is gone.
 */
export type SeeDatagram = (start: number, end: number, peer: number, isCut: boolean) => void;

/** Shows the datagrams of a slab, in the order received. */
export function eachDatagram(bytes: Buffer, see: SeeDatagram): void {
  for (let at = 0; at < bytes.length;) {
    const header = bytes.readUInt32LE(at);
    const size = header & 0xffff;
    const start = at + datagramHeaderBytes;
    see(start, start + size, (header >>> 16) & maxPeersPerSlab, header >= cutBit);
    at += entryBytes(size);
  }
}
