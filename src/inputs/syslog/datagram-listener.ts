/**
 * Takes syslog datagrams (RFC 5426: one message each), over UDP or a Unix socket. A thread of its own receives them (thread/datagram-thread.ts); here they become
 * lines, and what was lost is counted: by us when every slab waits for the store, by the kernel when its buffer was full.
 */
import { Worker } from 'node:worker_threads';
import type { Metadata } from '../../record/log-record.ts';
import { Remembered } from '../../record/remembered.ts';
import type { InputContext, Line, LineStream } from '../input.ts';
import {
  type DatagramCounts,
  type DatagramThreadOptions,
  type FromDatagramThread,
  type ToDatagramThread,
  eachDatagram,
} from './datagram-protocol.ts';
import { readKernelDrops } from './kernel-drops.ts';
import type { DatagramAddress } from './listen-address.ts';
import { lineOf, peerOf } from './message-line.ts';
import type { Notices } from './notices.ts';
import type { SyslogOptions } from './options.ts';

const peerMetadata = new Remembered((peer): Metadata => [['peer', peer]]);

const slabBytes = 131_072;
const kernelDropsIntervalMs = 2000;

export interface DatagramListenerOptions {
  readonly address: DatagramAddress;
  readonly options: SyslogOptions;
  readonly context: InputContext;
  readonly notices: Notices;
  readonly openStream: () => LineStream;
}

export class DatagramListener {
  readonly #options: DatagramListenerOptions;
  readonly #stopping = new AbortController();
  readonly #stopped = Promise.withResolvers<void>();
  #thread: Worker | null = null;
  #bound: DatagramAddress | null = null;
  #stream: LineStream | null = null;
  /** Slabs are read one behind the other. */
  #reading: Promise<void> = Promise.resolve();
  #told: DatagramCounts = { datagrams: 0, bytes: 0, empty: 0, dropped: 0 };
  #toldKernelDrops = 0;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: DatagramListenerOptions) {
    this.#options = options;
  }

  /** The port in use; 0 for a Unix socket. */
  get port(): number {
    return this.#bound?.kind === 'udp' ? this.#bound.port : 0;
  }

  /** @throws an Error with the system's `code` when the address cannot be listened on. */
  async start(): Promise<void> {
    const { address, options, context, openStream } = this.#options;
    const threadOptions: DatagramThreadOptions = {
      address,
      inheritedFd: context.inherited?.duplicate('datagram', address) ?? undefined,
      socketMode: Number.parseInt(options.socket_mode, 8),
      receiveBufferBytes: options.receive_buffer_bytes,
      maxMessageBytes: options.max_message_bytes,
      slabBytes,
      slabs: Math.floor(options.queue_bytes / slabBytes),
    };
    // Node refuses to run .ts from node_modules: what is installed runs from dist/, so the thread has our own extension.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const thread = new Worker(new URL(`./thread/datagram-thread.${extension}`, import.meta.url), {
      workerData: threadOptions,
    });
    this.#thread = thread;
    this.#stream = openStream();
    const listening = Promise.withResolvers<void>();
    thread.on('message', (message: FromDatagramThread) => {
      switch (message.kind) {
        case 'listening':
          this.#bound = message.bound;
          this.#reportBuffer(message.grantedBytes);
          listening.resolve();
          return;
        case 'failed':
          listening.reject(Object.assign(new Error(message.message), { code: message.code }));
          return;
        case 'datagrams':
          this.#count(message.counts);
          this.#reading = this.#reading.then(() => this.#read(message));
          return;
        case 'counts':
          this.#count(message.counts);
          return;
        case 'stopped':
          this.#count(message.counts);
          this.#stopped.resolve();
          return;
        default:
          message satisfies never;
      }
    });
    thread.on('error', (error) => {
      listening.reject(error);
      this.#options.context.logger.error({ err: error }, `syslog on ${options.listen}: the receiving thread failed`);
    });
    thread.on('exit', () => this.#stopped.resolve());
    await listening.promise;
    this.#watching = this.#watchKernelDrops();
  }

  async stop(): Promise<void> {
    if (this.#bound === null) {
      await this.#thread?.terminate();
      return;
    }
    await this.#countKernelDrops(); // while the socket is still there to be asked
    this.#stopping.abort();
    this.#tell({ kind: 'stop' });
    await this.#stopped.promise;
    await this.#watching;
    await this.#reading;
    this.#bound = null;
    await this.#stream?.end();
  }

  async #read({ slab, usedBytes, peers }: Extract<FromDatagramThread, { kind: 'datagrams' }>): Promise<void> {
    const { context } = this.#options;
    const bytes = Buffer.from(slab, 0, usedBytes);
    const metadataOfPeers = peers.map((address) => (address === '' ? [] : peerMetadata.of(peerOf(address))));
    const lines: Line[] = [];
    eachDatagram(bytes, (start, end, peer, isCut) => {
      const metadata = metadataOfPeers[peer] ?? [];
      if (isCut) context.metrics.truncatedLines.inc({ input: context.name });
      lines.push(lineOf(bytes, start, end, isCut ? [...metadata, ['truncated', 'true']] : metadata));
    });
    this.#tell({ kind: 'slab', slab }, [slab]); // the text is copied out: the bound on waiting text is the pipeline's from here
    context.metrics.linesRead.inc({ input: context.name }, lines.length);
    await this.#stream?.write({ lines });
  }

  #tell(message: ToDatagramThread, transfer: ArrayBuffer[] = []): void {
    this.#thread?.postMessage(message, transfer);
  }

  #count(counts: DatagramCounts): void {
    const { metrics, name: input } = this.#options.context;
    const { bytes, empty, dropped } = this.#told;
    this.#told = counts;
    metrics.bytesRead.inc({ input }, counts.bytes - bytes);
    if (counts.empty > empty) metrics.dropped.inc({ input, reason: 'empty_datagram' }, counts.empty - empty);
    if (counts.dropped === dropped) return;
    metrics.dropped.inc({ input, reason: 'queue_full' }, counts.dropped - dropped);
    this.#options.notices.warn(
      'queue_full',
      'drops datagrams: its queue is full',
      counts.dropped - dropped,
      'The store is slower than the senders; see inputs[].queue_bytes.',
    );
  }

  async #watchKernelDrops(): Promise<void> {
    const { clock } = this.#options.context;
    while (!this.#stopping.signal.aborted) {
      await this.#countKernelDrops();
      await clock.delay(kernelDropsIntervalMs, this.#stopping.signal);
    }
  }

  async #countKernelDrops(): Promise<void> {
    if (this.#bound?.kind !== 'udp') return; // a Unix socket makes its senders wait
    const drops = await readKernelDrops(this.#bound.host, this.#bound.port);
    if (drops === null || drops <= this.#toldKernelDrops) return;
    const more = drops - this.#toldKernelDrops;
    this.#toldKernelDrops = drops;
    this.#options.context.metrics.dropped.inc(
      { input: this.#options.context.name, reason: 'kernel_buffer_full' },
      more,
    );
    this.#options.notices.warn(
      'kernel_buffer_full',
      'the kernel drops datagrams: the receive buffer is full',
      more,
      'Bursts need a larger buffer: sysctl net.core.rmem_max, and inputs[].receive_buffer_bytes.',
    );
  }

  #reportBuffer(grantedBytes: number): void {
    const { options, context } = this.#options;
    const asked = options.receive_buffer_bytes;
    context.metrics.syslogReceiveBuffer.set({ listen: options.listen }, grantedBytes);
    if (grantedBytes >= asked || this.#bound?.kind !== 'udp') return;
    context.logger.info(
      { asked, granted: grantedBytes, hint: `For bursts: sysctl net.core.rmem_max=${asked}` },
      `syslog on ${options.listen}: the kernel granted a smaller receive buffer than asked for`,
    );
  }
}
