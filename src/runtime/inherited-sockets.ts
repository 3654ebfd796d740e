/**
 * Sockets that a service manager holds and hands to the daemon (sd_listen_fds(3)): descriptors from 3 on, as many as `LISTEN_FDS` says. Who
 * listens on the address of one takes it. What is sent while the daemon is started anew waits in it, and ports below 1024 need no right.
 */
import { type Libc, openLibc } from './libc.ts';
import type { Logger } from './logger.ts';
import { type SocketAddress, addressIn } from './socket-address.ts';

type Transport = 'datagram' | 'stream';

interface InheritedSocket {
  readonly fd: number;
  readonly transport: Transport;
  readonly address: SocketAddress;
}

const firstFd = 3;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const socketTypes: Readonly<Record<number, Transport>> = { 1: 'stream', 2: 'datagram' };

export class InheritedSockets {
  readonly #libc: Libc | null;
  readonly #sockets: readonly InheritedSocket[];
  readonly #taken = new Set<InheritedSocket>();

  constructor(libc: Libc | null, sockets: readonly InheritedSocket[]) {
    this.#libc = libc;
    this.#sockets = sockets;
  }

  /** @param env of the process `pid`, which alone they are meant for. */
  static async of(env: Readonly<Record<string, string | undefined>>, pid: number): Promise<InheritedSockets> {
    const count = Number(env['LISTEN_FDS'] ?? 0);
    if (!(count > 0) || Number(env['LISTEN_PID']) !== pid) return new InheritedSockets(null, []);
    const libc = await openLibc();
    const fds = Array.from({ length: count }, (_, index) => firstFd + index);
    return new InheritedSockets(libc, libc === null ? [] : fds.flatMap((fd) => socketOf(libc, fd)));
  }

  /** Names those that nobody has taken, as inputs name them: `unixgram:///run/systemd/journal/syslog`. */
  warnOfUnused(logger: Logger): void {
    for (const listen of this.#sockets.filter((socket) => !this.#taken.has(socket)).map(listenText)) {
      logger.warn(
        { hint: `To read it: inputs: [{ type: syslog, listen: '${listen}' }]; else disable its socket unit.` },
        `the service manager holds ${listen} for us, and no input listens there`,
      );
    }
  }

  /**
   * The socket of this address as a descriptor that belongs to the caller; null without one. A socket that listens everywhere
   * (`[::]`, as service managers have it) is that of `0.0.0.0` too.
   */
  duplicate(transport: Transport, address: SocketAddress): number | null {
    const socket = this.#sockets.find((each) => each.transport === transport && isSame(each.address, address));
    if (socket === undefined || this.#libc === null) return null;
    const fd = this.#libc.func('int dup(int)')(socket.fd) as number;
    if (fd < 0) return null;
    this.#taken.add(socket);
    return fd;
  }
}

function socketOf(libc: Libc, fd: number): InheritedSocket[] {
  const name = Buffer.alloc(128);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(name.length);
  if (libc.func('int getsockname(int, void*, void*)')(fd, name, length) !== 0) return []; // no socket: a FIFO, a file
  const type = Buffer.alloc(4);
  const typeLength = Buffer.from([4, 0, 0, 0]);
  libc.func('int getsockopt(int, int, int, void*, void*)')(fd, SOL_SOCKET, SO_TYPE, type, typeLength);
  const transport = socketTypes[type.readUInt32LE()];
  const address = addressIn(name.subarray(0, length.readUInt32LE()));
  return transport === undefined || address === null ? [] : [{ fd, transport, address }];
}

function isSame(has: SocketAddress, wanted: SocketAddress): boolean {
  if ('path' in has || 'path' in wanted) return 'path' in has && 'path' in wanted && has.path === wanted.path;
  const isHost = has.host === wanted.host || (has.host === '::' && wanted.host === '0.0.0.0');
  return isHost && has.port === wanted.port;
}

function listenText({ transport, address }: InheritedSocket): string {
  if ('path' in address) return `${transport === 'datagram' ? 'unixgram' : 'unix'}://${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${transport === 'datagram' ? 'udp' : 'tcp'}://${host}:${address.port}`;
}
