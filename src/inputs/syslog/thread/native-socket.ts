/**
 * A datagram socket by recvmmsg(2), many datagrams a call, through koffi. For UDP, since Node's own costs three times as much CPU a
 * datagram, which at 50,000/s on a busy host is the difference between losing half and losing none; for Unix, since Node has none. Linux
 * on 64-bit little-endian machines; the layouts of the addresses are those of the kernel's ABI there (ip(7), ipv6(7), unix(7)).
 *
 * All calls block the thread: it does nothing else.
 */
import { chmodSync, rmSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM, openLibc } from '../../../runtime/libc.ts';
import { AF_INET, AF_INET6, addressIn, unixSocketAddress } from '../../../runtime/socket-address.ts';
import { isSocket } from '../../../runtime/unix-socket.ts';
import type { DatagramThreadOptions } from '../datagram-protocol.ts';
import type { DatagramAddress } from '../listen-address.ts';
import { ipv6Bytes } from '../kernel-drops.ts';
import { DatagramSlots, type TakeDatagram, slots } from './datagram-slots.ts';
import { ThreadPriority } from './thread-priority.ts';

export interface NativeSocket {
  readonly bound: DatagramAddress;
  /** The receive buffer granted, without the half that the kernel adds for itself. */
  readonly grantedBytes: number;
  /** Of the thread that receives. */
  readonly priority: ThreadPriority;
  /**
   * Gives each datagram that is there to `take`; without any it waits, if it may, for up to 100 ms.
   * @returns how many there were.
   */
  receive(mayWait: boolean, take: TakeDatagram): number;
  /** Gives datagrams that never came to `take`, to be thrown away: a thread whose code V8 still compiles loses what comes meanwhile. */
  rehearse(take: TakeDatagram): void;
  close(): void;
}

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
/** Passes over net.core.rmem_max; needs CAP_NET_ADMIN. */
const SO_RCVBUFFORCE = 33;
const MSG_WAITFORONE = 0x10000;

const waitMicros = 100_000n;
/** Some 20,000 datagrams, 20 ms: what V8 has seen as often is compiled for good. */
const rehearsedCalls = 160;

/**
 * @param address an IP address, not a name; or a path, where a socket that nobody reads is replaced.
 * @returns null where koffi or the platform does not allow it: the caller takes Node's own socket.
 * @throws an Error with the system's `code` when the address cannot be bound.
 */
export async function openNativeSocket(
  address: DatagramAddress,
  options: DatagramThreadOptions,
): Promise<NativeSocket | null> {
  const libc = await openLibc();
  if (libc === null) return null;
  const { koffi } = libc;
  const call = {
    socket: libc.func('int socket(int, int, int)'),
    connect: libc.func('int connect(int, void*, uint32_t)'),
    bind: libc.func('int bind(int, void*, uint32_t)'),
    getsockname: libc.func('int getsockname(int, void*, void*)'),
    setsockopt: libc.func('int setsockopt(int, int, int, void*, uint32_t)'),
    getsockopt: libc.func('int getsockopt(int, int, int, void*, void*)'),
    recvmmsg: libc.func('int recvmmsg(int, void*, uint32_t, int, void*)'),
    close: libc.func('int close(int)'),
  };
  const failed = (what: string): Error => {
    const code = getSystemErrorName(-koffi.errno());
    const where = address.kind === 'udp' ? `${address.host}:${address.port}` : address.path;
    return Object.assign(new Error(`${what} ${code} ${where}`), { code });
  };
  const name = socketAddress(address);
  const open = (): number => {
    const fd = call.socket(name.readUInt16LE(), SOCK_DGRAM | SOCK_CLOEXEC, 0) as number;
    if (fd < 0) throw failed('socket');
    return fd;
  };
  const { inheritedFd } = options;
  if (address.kind === 'unixgram' && inheritedFd === undefined) {
    const probe = open();
    const isStale =
      call.connect(probe, name, name.length) !== 0 && getSystemErrorName(-koffi.errno()) === 'ECONNREFUSED';
    call.close(probe);
    if (isStale && isSocket(address.path)) rmSync(address.path, { force: true });
  }
  const fd = inheritedFd ?? open();
  const bufferBytes = int32(options.receiveBufferBytes);
  if (call.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, bufferBytes, 4) !== 0) {
    call.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, bufferBytes, 4);
  }
  const timeout = Buffer.alloc(16);
  timeout.writeBigInt64LE(waitMicros, 8);
  call.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout, 16);
  if (inheritedFd === undefined) {
    if (call.bind(fd, name, name.length) !== 0) {
      const error = failed('bind');
      call.close(fd);
      throw error;
    }
    if (address.kind === 'unixgram') chmodSync(address.path, options.socketMode);
  }
  const granted = int32(0);
  call.getsockopt(fd, SOL_SOCKET, SO_RCVBUF, granted, int32(4));

  /** What was got for port 0; and `::` of a socket that somebody else has opened for all addresses. */
  const boundName = (): Partial<Extract<DatagramAddress, { kind: 'udp' }>> => {
    const bytes = Buffer.alloc(28);
    call.getsockname(fd, bytes, int32(bytes.length));
    const bound = addressIn(bytes);
    return bound === null || 'path' in bound ? {} : bound;
  };

  const received = new DatagramSlots(koffi);
  // Of what makes its senders wait, only as many are taken as surely find room.
  const atOnce = address.kind === 'udp' ? slots : 1;
  return {
    bound: address.kind === 'udp' ? { ...address, ...boundName() } : address,
    grantedBytes: granted.readInt32LE() / 2,
    priority: new ThreadPriority(libc),
    receive(mayWait, take) {
      const flags = mayWait ? MSG_WAITFORONE : MSG_DONTWAIT;
      const count = call.recvmmsg(fd, received.headers, atOnce, flags, null) as number;
      if (count <= 0) return 0; // -1: nothing came in time, or a signal did
      received.deliver(count, take);
      return count;
    },
    rehearse: (take) => received.rehearse(rehearsedCalls, take),
    close() {
      call.close(fd);
      if (address.kind === 'unixgram' && inheritedFd === undefined) rmSync(address.path, { force: true });
      received.free();
    },
  };
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}

/** sockaddr_in, sockaddr_in6 or sockaddr_un. */
function socketAddress(address: DatagramAddress): Buffer {
  if (address.kind === 'unixgram') return unixSocketAddress(address.path);
  const { host: ip, port } = address;
  const isV6 = isIPv6(ip);
  const buffer = Buffer.alloc(isV6 ? 28 : 16);
  buffer.writeUInt16LE(isV6 ? AF_INET6 : AF_INET);
  buffer.writeUInt16BE(port, 2);
  if (isV6) ipv6Bytes(ip).copy(buffer, 8);
  else Buffer.from(ip.split('.').map(Number)).copy(buffer, 4);
  return buffer;
}
