/**
 * The memory that recvmmsg(2) fills, a slot for each datagram of a call, and what came out of it. Native, since its addresses stand in the
 * headers and must not move; the layouts are those of the kernel's ABI on 64-bit little-endian machines (recvmmsg(2), recvmsg(2)).
 */
import type { Libc } from '../../../runtime/libc.ts';
import { maxDatagramBytes } from '../datagram-protocol.ts';
import { SenderAddresses } from './sender-addresses.ts';

/** Where the bytes of a received datagram lie. */
export interface DatagramBytes {
  readonly bytes: Buffer;
  /** The same memory by words, when datagrams begin at whole ones. */
  readonly words: Uint32Array | null;
}

/**
 * @param start where in `source.bytes` the datagram begins; it must be copied.
 * @param wasLonger the rest of it is gone.
 * @param address its sender's, empty from a Unix socket.
 */
export type TakeDatagram = (
  source: DatagramBytes,
  start: number,
  length: number,
  wasLonger: boolean,
  address: string,
) => void;

export const slots = 128;
/** Not a power of two: slots that begin 64 KiB apart would share their places in the processor's caches. */
const slotBytes = 65_536 + 320;
/** struct mmsghdr, struct iovec, and room for a sockaddr_in6. */
const headerBytes = 64;
const vectorBytes = 16;
const nameBytes = 32;
const namesAt = slots * (headerBytes + vectorBytes);
const controlBytes = slots * (headerBytes + vectorBytes + nameBytes);
const MSG_TRUNC = 0x20;

export class DatagramSlots {
  /** What recvmmsg(2) is given: `slots` times struct mmsghdr. */
  readonly headers: unknown;
  readonly #koffi: Libc['koffi'];
  readonly #data: unknown;
  readonly #source: DatagramBytes;
  readonly #control: Buffer;
  readonly #addresses = new SenderAddresses();

  constructor(koffi: Libc['koffi']) {
    this.#koffi = koffi;
    this.#data = koffi.alloc('uint8', slots * slotBytes) as unknown;
    this.headers = koffi.alloc('uint8', controlBytes) as unknown;
    const data = koffi.view(this.#data, slots * slotBytes);
    this.#source = { bytes: Buffer.from(data), words: new Uint32Array(data) };
    const control = Buffer.from(koffi.view(this.headers, controlBytes)).fill(0);
    this.#control = control;
    const [dataAddress, controlAddress] = [koffi.address(this.#data), koffi.address(this.headers)];
    for (let slot = 0; slot < slots; slot++) {
      const header = slot * headerBytes;
      const vector = slots * headerBytes + slot * vectorBytes;
      control.writeBigUInt64LE(controlAddress + BigInt(namesAt + slot * nameBytes), header); // msg_name
      control.writeUInt32LE(nameBytes, header + 8); // msg_namelen
      control.writeBigUInt64LE(controlAddress + BigInt(vector), header + 16); // msg_iov
      control.writeBigUInt64LE(1n, header + 24); // msg_iovlen
      control.writeBigUInt64LE(dataAddress + BigInt(slot * slotBytes), vector); // iov_base
      control.writeBigUInt64LE(BigInt(maxDatagramBytes), vector + 8); // iov_len
    }
  }

  /** Gives the first `count` datagrams to `take`. Allocates nothing: a collection of garbage is a pause in which datagrams are lost. */
  deliver(count: number, take: TakeDatagram): void {
    const control = this.#control;
    for (let slot = 0; slot < count; slot++) {
      const header = slot * headerBytes;
      const length = control.readUInt32LE(header + 56); // msg_len
      const wasLonger = (control.readUInt32LE(header + 48) & MSG_TRUNC) !== 0; // msg_flags
      const address = this.#addresses.textOf(control, namesAt + slot * nameBytes);
      take(this.#source, slot * slotBytes, length, wasLonger, address);
      control.writeUInt32LE(nameBytes, header + 8);
    }
  }

  /** Delivers full calls of datagrams that never came, made of whatever lies in the slots, so that V8 has compiled this before they do. */
  rehearse(calls: number, take: TakeDatagram): void {
    const length = 200;
    for (let slot = 0; slot < slots; slot++) {
      this.#control.writeUInt32LE(length, slot * headerBytes + 56);
      this.#source.bytes.fill('x', slot * slotBytes, slot * slotBytes + length);
    }
    for (let call = 0; call < calls; call++) this.deliver(slots, take);
  }

  free(): void {
    this.#koffi.free(this.#data);
    this.#koffi.free(this.headers);
  }
}
