/**
 * What crosses between the thread that receives datagrams and the rest of the daemon, and how datagrams lie in a slab.
 *
 * A slab is a fixed piece of memory that travels between the two and is never copied: the thread fills it, the daemon makes lines of it
 * and sends it back. There are only so many; when all are under way, datagrams are dropped and counted.
 */

import type { DatagramAddress } from './listen-address.ts';

export interface DatagramThreadOptions {
  readonly address: DatagramAddress;
  /** Of a Unix socket: who may write to it. */
  readonly socketMode: number;
  readonly receiveBufferBytes: number;
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

/** In front of each datagram: its length (2 bytes: a datagram has at most 65,507) and its peer's place (2 bytes), little-endian. */
export const datagramHeaderBytes = 4;
export const maxPeersPerSlab = 65_535;
/** A slab holds the longest datagram and its header, at least. */
export const minSlabBytes = 65_536;

/** The datagrams of a slab, in the order received. */
export function* datagramsIn(bytes: Buffer): Generator<{ start: number; end: number; peer: number }> {
  for (let at = 0; at < bytes.length;) {
    const start = at + datagramHeaderBytes;
    const end = start + bytes.readUInt16LE(at);
    yield { start, end, peer: bytes.readUInt16LE(at + 2) };
    at = end;
  }
}
