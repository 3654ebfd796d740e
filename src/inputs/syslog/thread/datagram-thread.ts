/**
 * Entry of the thread that owns a UDP socket. It does nothing but empty the kernel's buffer into slabs, so that a daemon that is busy
 * parsing or answering does not stop receiving: the default buffer holds some 200 datagrams, 4 ms at 50,000 a second.
 */
import { type RemoteInfo, createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, systemCodeOf } from '../../../runtime/errors.ts';
import {
  type DatagramThreadOptions,
  type FromDatagramThread,
  type ToDatagramThread,
  datagramHeaderBytes,
  maxPeersPerSlab,
} from '../datagram-protocol.ts';
import { messageEnd } from '../message-line.ts';

/** A slab that is not full goes out after this long, or later while the daemon has not caught up. */
const flushMs = 2;
/** While this many slabs are under way only full ones follow: many small ones would use up the slabs on little text. */
const maxPartialUnderWay = 2;
const countsIntervalMs = 2000;

if (parentPort === null) throw new Error('datagram-thread.ts runs in a worker thread');
const port = parentPort;
const options = workerData as DatagramThreadOptions;
const tell = (message: FromDatagramThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

let datagrams = 0;
let receivedBytes = 0;
let empty = 0;
let dropped = 0;
const counts = () => ({ datagrams, bytes: receivedBytes, empty, dropped });

/** Slabs that are here; the one being filled is not among them. */
const free: ArrayBuffer[] = [];
let made = 0;
let filling: Buffer | null = null;
let filledBytes = 0;
let peers: string[] = [];
let places = new Map<string, number>();
let flushTimer: NodeJS.Timeout | null = null;

const socket = createSocket({ type: isIPv6(options.host) ? 'udp6' : 'udp4' });
socket.once('error', (error) => {
  tell({ kind: 'failed', message: messageOf(error), code: systemCodeOf(error) });
  port.close();
});
socket.bind(options.port, options.host, () => {
  socket.removeAllListeners('error');
  // Errors of a bound socket are ICMP answers to nothing we sent, or a lack of memory for a moment: receiving goes on.
  socket.on('error', () => undefined);
  try {
    socket.setRecvBufferSize(options.receiveBufferBytes);
  } catch {
    // what is granted is asked and reported next
  }
  const { address, port: boundPort } = socket.address();
  // Linux doubles what was asked for, for its own bookkeeping (socket(7)).
  tell({ kind: 'listening', address, port: boundPort, grantedBytes: socket.getRecvBufferSize() / 2 });
});
socket.on('message', receive);

let toldDatagrams = 0;
const countsTimer = setInterval(() => {
  if (toldDatagrams !== datagrams) tell({ kind: 'counts', counts: counts() });
  toldDatagrams = datagrams;
}, countsIntervalMs);

port.on('message', (message: ToDatagramThread) => {
  if (message.kind === 'slab') {
    free.push(message.slab);
    if (filledBytes > 0) flushSoon();
    return;
  }
  clearInterval(countsTimer);
  if (flushTimer !== null) clearTimeout(flushTimer);
  socket.close(() => {
    flush();
    tell({ kind: 'stopped', counts: counts() });
    port.close();
  });
});

function receive(message: Buffer, { address }: RemoteInfo): void {
  datagrams++;
  receivedBytes += message.length;
  const end = messageEnd(message);
  if (end === 0) {
    empty++;
    return;
  }
  const needed = datagramHeaderBytes + end;
  if (filling !== null && (filledBytes + needed > filling.length || peers.length === maxPeersPerSlab)) flush();
  filling ??= nextSlab();
  if (filling === null) {
    dropped++;
    return;
  }
  filling.writeUInt16LE(end, filledBytes);
  filling.writeUInt16LE(placeOf(address), filledBytes + 2);
  message.copy(filling, filledBytes + datagramHeaderBytes, 0, end);
  filledBytes += needed;
  flushSoon();
}

function placeOf(address: string): number {
  const known = places.get(address);
  if (known !== undefined) return known;
  places.set(address, peers.length);
  return peers.push(address) - 1;
}

function nextSlab(): Buffer | null {
  const returned = free.pop();
  if (returned !== undefined) return Buffer.from(returned);
  if (made === options.slabs) return null;
  made++;
  return Buffer.from(new ArrayBuffer(options.slabBytes));
}

function flushSoon(): void {
  flushTimer ??= setTimeout(() => {
    flushTimer = null;
    const underWay = made - free.length - (filling === null ? 0 : 1);
    if (underWay < maxPartialUnderWay) flush();
  }, flushMs);
}

function flush(): void {
  if (filling === null || filledBytes === 0) return;
  const slab = filling.buffer as ArrayBuffer;
  tell({ kind: 'datagrams', slab, usedBytes: filledBytes, peers, counts: counts() }, [slab]);
  filling = null;
  filledBytes = 0;
  peers = [];
  places = new Map();
}
