/**
 * Entry of the thread that owns a datagram socket. It does nothing but empty the kernel's buffer into slabs, so that a daemon that is busy
 * parsing or answering does not stop receiving: the default buffer holds some 200 datagrams, 4 ms at 50,000 a second.
 */
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { messageOf, systemCodeOf } from '../../../runtime/errors.ts';
import { settleHeap } from '../../../runtime/settled-heap.ts';
import type { DatagramThreadOptions, FromDatagramThread, ToDatagramThread } from '../datagram-protocol.ts';
import type { DatagramAddress } from '../listen-address.ts';
import { type NativeSocket, openNativeSocket } from './native-socket.ts';
import { SlabFiller } from './slab-filler.ts';

/** A slab that is not full goes out after this long, or later while the daemon has not caught up. */
const flushMs = 2;
/**
 * After a call that brought less than this, the thread rests: waking for each datagram would cost more than taking ten at once. No longer
 * than this, since a sender that catches up fills the kernel's default buffer in half a millisecond.
 */
const fewDatagrams = 32;
const restMs = 0.2;
const countsIntervalMs = 2000;

if (parentPort === null) throw new Error('datagram-thread.ts runs in a worker thread');
const port = parentPort;
const options = workerData as DatagramThreadOptions;
const tell = (message: FromDatagramThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
const filler = new SlabFiller(options, tell);

try {
  const { address } = options;
  const resolved = address.kind === 'udp' ? { ...address, host: (await lookup(address.host)).address } : address;
  const native = await openNativeSocket(resolved, options);
  if (native !== null) receiveNatively(native);
  else if (resolved.kind === 'udp') receiveWithNode(resolved);
  else throw new Error('datagram sockets of Unix need the package koffi, which is not installed here');
} catch (error) {
  tell({ kind: 'failed', message: messageOf(error), code: systemCodeOf(error) });
  port.close();
}

/** Never yields to the event loop: what the daemon says is asked for between two calls. */
function receiveNatively(socket: NativeSocket): void {
  const { bound, grantedBytes, priority } = socket;
  if (bound.kind === 'udp') {
    const rehearsal = new SlabFiller({ ...options, slabs: 1 }, (message) => {
      if (message.kind === 'datagrams') rehearsal.returned(message.slab);
    });
    socket.rehearse(rehearsal.take.bind(rehearsal));
    priority.set(true);
  }
  settleHeap();
  tell({ kind: 'listening', bound, grantedBytes });
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const take = filler.take.bind(filler);
  let flushedAtMs = performance.now();
  let toldAtMs = flushedAtMs;
  let told = filler.counts;
  /** Who writes to a Unix socket can be made to wait, and is; a datagram of UDP is received, or lost without our count. */
  const mayReceive = (): boolean => bound.kind === 'udp' || filler.hasRoom;
  for (;;) {
    const received = mayReceive() ? socket.receive(!filler.shouldFlush, take) : 0;
    for (let said = receiveMessageOnPort(port); said !== undefined; said = receiveMessageOnPort(port)) {
      const message = said.message as ToDatagramThread;
      if (message.kind === 'slab') {
        filler.returned(message.slab);
        continue;
      }
      while (mayReceive() && socket.receive(false, take) > 0); // what the kernel holds already
      socket.close();
      filler.flush();
      tell({ kind: 'stopped', counts: filler.counts });
      port.close();
      return;
    }
    const nowMs = performance.now();
    if (filler.shouldFlush && nowMs - flushedAtMs >= flushMs) {
      filler.flush();
      flushedAtMs = nowMs;
    }
    if (!mayReceive()) Atomics.wait(sleeper, 0, 0, 1);
    else if (received < fewDatagrams) Atomics.wait(sleeper, 0, 0, restMs);
    if (nowMs - toldAtMs < countsIntervalMs) continue;
    toldAtMs = nowMs;
    const { counts } = filler;
    if (counts.datagrams !== told.datagrams) tell({ kind: 'counts', counts });
    // In a flood, what is received would only be dropped, and the daemon needs the processor more.
    priority.set(bound.kind === 'udp' && counts.dropped === told.dropped);
    told = counts;
  }
}

function receiveWithNode({ host, port: wantedPort }: Extract<DatagramAddress, { kind: 'udp' }>): void {
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4' });
  socket.once('error', (error) => {
    tell({ kind: 'failed', message: messageOf(error), code: systemCodeOf(error) });
    port.close();
  });
  socket.bind(wantedPort, host, () => {
    socket.removeAllListeners('error');
    // Errors of a bound socket are ICMP answers to nothing we sent, or a lack of memory for a moment: receiving goes on.
    socket.on('error', () => undefined);
    try {
      socket.setRecvBufferSize(options.receiveBufferBytes);
    } catch {
      // what is granted is asked and reported next
    }
    // Linux doubles what was asked for, for its own bookkeeping (socket(7)).
    const grantedBytes = socket.getRecvBufferSize() / 2;
    const bound = { kind: 'udp', host: socket.address().address, port: socket.address().port } as const;
    tell({ kind: 'listening', bound, grantedBytes });
  });

  let flushTimer: NodeJS.Timeout | null = null;
  const flushSoon = (): void => {
    flushTimer ??= setTimeout(() => {
      flushTimer = null;
      if (filler.shouldFlush) filler.flush();
    }, flushMs);
  };
  socket.on('message', (message, peer) => {
    filler.take({ bytes: message, words: null }, 0, message.length, false, peer.address);
    flushSoon();
  });
  let toldDatagrams = 0;
  const countsTimer = setInterval(() => {
    const { counts } = filler;
    if (counts.datagrams !== toldDatagrams) tell({ kind: 'counts', counts });
    toldDatagrams = counts.datagrams;
  }, countsIntervalMs);
  port.on('message', (message: ToDatagramThread) => {
    if (message.kind === 'slab') {
      filler.returned(message.slab);
      flushSoon();
      return;
    }
    clearInterval(countsTimer);
    if (flushTimer !== null) clearTimeout(flushTimer);
    socket.close(() => {
      filler.flush();
      tell({ kind: 'stopped', counts: filler.counts });
      port.close();
    });
  });
}
