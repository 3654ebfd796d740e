/**
 * Takes syslog datagrams (RFC 5426: one message each). The sender cannot be made to wait, so what the pipeline does not take
 * waits in a bounded queue, and beyond that is dropped, counted and said.
 */
import { type RemoteInfo, type Socket, createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { RegressionError, messageOf, systemCodeOf } from '../../runtime/errors.ts';
import type { Input, InputContext, InputKind, Line, LineStream } from '../input.ts';
import { type SyslogOptions, syslogOptions } from './options.ts';

export const syslog: InputKind<typeof syslogOptions> = {
  options: syslogOptions,
  create: (options, context) => new SyslogInput(options, context),
};

/** Lines handed to the pipeline at once. */
const maxLinesPerChunk = 1000;
/** What a waiting line takes beside its text, roughly. */
const bytesPerLine = 200;
const dropReportIntervalMs = 60_000;

export class SyslogInput implements Input {
  readonly name = 'syslog';
  readonly #options: SyslogOptions;
  readonly #context: InputContext;
  readonly #stream: LineStream;
  #socket: Socket | null = null;
  #queue: Line[] = [];
  #queuedBytes = 0;
  #draining: Promise<void> | null = null;
  #droppedSinceReport = 0;
  #lastReportMs = -Infinity;

  constructor(options: SyslogOptions, context: InputContext) {
    this.#options = options;
    this.#context = context;
    this.#stream = context.open({
      source: options.listen,
      format: options.format,
      timezone: options.timezone,
      application: options.application,
      applicationHint: 'syslog',
    });
  }

  describe(): string {
    return `syslog on ${this.#options.listen}`;
  }

  /** The port in use; tests listen on port 0. */
  get port(): number {
    return this.#socket?.address().port ?? 0;
  }

  /** @throws RegressionError `INPUT_UNAVAILABLE` when the address cannot be listened on. */
  async start(): Promise<void> {
    const { hostname, port } = new URL(this.#options.listen);
    const address = hostname.replace(/^\[|\]$/g, '');
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error) => reject(this.#unavailable(error)));
      socket.bind(Number(port), address, () => {
        socket.removeAllListeners('error');
        resolve();
      });
    });
    socket.on('error', (error) => this.#context.logger.error({ err: error }, `${this.describe()} failed`));
    socket.on('message', (message, peer) => this.#receive(message, peer));
    this.#socket = socket;
    this.#askForBuffer(socket);
  }

  async stop(): Promise<void> {
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) await new Promise<void>((resolve) => socket.close(resolve));
    await this.#draining;
    await this.#stream.end();
  }

  #receive(message: Buffer, { address }: RemoteInfo): void {
    const { metrics } = this.#context;
    const input = this.name;
    // RFC 5426 section 3.1 has no trailer, but senders of stream habits add a newline or a NUL.
    let end = message.length;
    while (end > 0 && (message[end - 1] === 0x0a || message[end - 1] === 0x0d || message[end - 1] === 0)) end--;
    metrics.bytesRead.inc({ input }, message.length);
    if (end === 0) {
      metrics.dropped.inc({ input, reason: 'empty_datagram' });
      return;
    }
    if (this.#queuedBytes + end > this.#options.queue_bytes) {
      metrics.dropped.inc({ input, reason: 'queue_full' });
      this.#reportDrop();
      return;
    }
    const text = message.toString('utf8', 0, end);
    const metadata: [string, string][] = [['peer', address]];
    if (text.includes('\ufffd')) metadata.push(['raw_base64', message.toString('base64', 0, end)]);
    this.#queue.push({ text, endOffset: 0, metadata });
    this.#queuedBytes += end + bytesPerLine;
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = null;
    });
  }

  async #drain(): Promise<void> {
    // What arrives in the same turn of the event loop goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const lines = this.#queue.splice(0, maxLinesPerChunk);
      this.#context.metrics.linesRead.inc({ input: this.name }, lines.length);
      await this.#stream.write({ lines });
      for (const { text } of lines) this.#queuedBytes -= text.length + bytesPerLine;
      if (this.#queue.length === 0) this.#queuedBytes = 0;
    }
  }

  #reportDrop(): void {
    this.#droppedSinceReport++;
    const nowMs = this.#context.clock.monotonicMs();
    if (nowMs - this.#lastReportMs < dropReportIntervalMs) return;
    this.#context.logger.warn(
      { dropped: this.#droppedSinceReport, hint: 'The store is slower than the senders; see inputs[].queue_bytes.' },
      `${this.describe()} drops datagrams: its queue is full`,
    );
    this.#lastReportMs = nowMs;
    this.#droppedSinceReport = 0;
  }

  #askForBuffer(socket: Socket): void {
    const asked = this.#options.receive_buffer_bytes;
    try {
      socket.setRecvBufferSize(asked);
    } catch (error) {
      this.#context.logger.debug({ err: error }, 'the receive buffer could not be set');
    }
    const granted = socket.getRecvBufferSize() / 2; // Linux doubles what was asked for, for its own bookkeeping (socket(7))
    if (granted < asked) {
      this.#context.logger.debug(
        { asked, granted, hint: `For bursts: sysctl net.core.rmem_max=${asked}` },
        `${this.describe()}: the kernel granted a smaller receive buffer`,
      );
    }
  }

  #unavailable(error: unknown): RegressionError {
    const code = systemCodeOf(error);
    const hint =
      code === 'EADDRINUSE'
        ? 'Another program (or another regression) takes syslog there: stop it, or change inputs[].listen.'
        : code === 'EACCES'
          ? 'Ports below 1024 need CAP_NET_BIND_SERVICE.'
          : 'Check inputs[].listen.';
    return new RegressionError(
      'INPUT_UNAVAILABLE',
      `cannot take syslog on ${this.#options.listen}: ${messageOf(error)}`,
      {
        cause: error,
        hint,
      },
    );
  }
}
