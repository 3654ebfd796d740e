/**
 * Takes syslog over stream sockets: TCP, TLS (RFC 5425) and Unix. Each connection is framed and read on its own (see framer.ts), and
 * stops reading while the pipeline has no room: that is all the back-pressure a syslog sender knows.
 *
 * Bounds: `max_connections`; `idle_timeout`; the unfinished messages of all connections together take at most `queue_bytes`.
 */
import { chmod, unlink } from 'node:fs/promises';
import { type Server, type Socket, createServer } from 'node:net';
import { TLSSocket, createServer as createTlsServer } from 'node:tls';
import type { Metadata } from '../../record/log-record.ts';
import { systemCodeOf } from '../../runtime/errors.ts';
import { removeStaleSocket } from '../../runtime/unix-socket.ts';
import type { InputContext, Line, LineStream } from '../input.ts';
import { type Frame, SyslogFramer } from './framer.ts';
import { IdleConnections } from './idle-connections.ts';
import type { StreamAddress } from './listen-address.ts';
import { lineOf, peerOf } from './message-line.ts';
import type { Notices } from './notices.ts';
import type { SyslogOptions } from './options.ts';
import { readTlsFiles } from './tls-files.ts';

/** TCP keep-alive: a sender that is gone without a word (half-open) is found out within some minutes. */
const keepAliveMs = 60_000;
/** Longest a TLS handshake may take. */
const handshakeTimeoutMs = 10_000;

export interface StreamListenerOptions {
  readonly address: StreamAddress;
  readonly options: SyslogOptions;
  readonly context: InputContext;
  readonly notices: Notices;
  readonly openStream: () => LineStream;
}

export class StreamListener {
  readonly #options: StreamListenerOptions;
  readonly #connections = new Set<Socket>();
  readonly #reading = new Set<Promise<void>>();
  readonly #idle: IdleConnections;
  readonly #stopping = new AbortController();
  #watchingIdle: Promise<void> = Promise.resolve();
  #server: Server | null = null;
  /** Of a Unix socket that we have made. */
  #ownPath: string | null = null;
  #heldBytes = 0;

  constructor(options: StreamListenerOptions) {
    this.#options = options;
    const { context } = options;
    this.#idle = new IdleConnections(context.clock, options.options.idle_timeout, () =>
      context.logger.debug('a syslog connection was idle and is closed'),
    );
  }

  /** The port in use; 0 for a Unix socket. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** @throws what listening throws, and RegressionError `CONFIG_INVALID` for unusable TLS files. */
  async start(): Promise<void> {
    const { address, options, context } = this.#options;
    const server =
      address.kind === 'tls'
        ? createTlsServer({ ...(await readTlsFiles(options.tls)), handshakeTimeout: handshakeTimeoutMs })
        : createServer();
    server.maxConnections = options.max_connections;
    server.on('drop', () => this.#drop('too_many_connections', 'its connections are as many as max_connections'));
    server.on(address.kind === 'tls' ? 'secureConnection' : 'connection', (socket: Socket) => this.#accept(socket));
    server.on('tlsClientError', (error) => {
      context.metrics.inputErrors.inc({ input: context.name, code: systemCodeOf(error) ?? 'TLS' });
      context.logger.debug({ err: error }, 'a TLS handshake failed');
    });
    const inheritedFd = context.inherited?.duplicate('stream', address) ?? null;
    const ownPath = 'path' in address && inheritedFd === null ? address.path : null;
    if (ownPath !== null) await removeStaleSocket(ownPath);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const listening = (): void => {
        server.off('error', reject);
        resolve();
      };
      if (inheritedFd !== null) server.listen({ fd: inheritedFd }, listening);
      else if ('path' in address) server.listen(address.path, listening);
      else server.listen({ port: address.port, host: address.host, backlog: 1024 }, listening);
    });
    server.on('error', (error) => context.logger.error({ err: error }, `syslog on ${options.listen} failed`));
    if (ownPath !== null) await chmod(ownPath, Number.parseInt(options.socket_mode, 8));
    this.#ownPath = ownPath;
    this.#server = server;
    this.#watchingIdle = this.#idle.watch(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    this.#stopping.abort();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#connections) socket.destroy();
    await closed;
    await Promise.all(this.#reading);
    await this.#watchingIdle;
    if (this.#ownPath !== null) await unlink(this.#ownPath).catch(() => undefined); // closing removes it already, in most cases
  }

  #accept(socket: Socket): void {
    const { options, context } = this.#options;
    this.#connections.add(socket);
    this.#idle.add(socket);
    context.metrics.syslogConnections.inc();
    socket.setKeepAlive(true, keepAliveMs);
    // A sender that resets its connection is no error of ours; what it sent before is kept.
    socket.on('error', (error) => context.logger.debug({ err: error }, 'a syslog connection broke'));
    socket.on('close', () => {
      this.#connections.delete(socket);
      this.#idle.remove(socket);
      context.metrics.syslogConnections.dec();
    });
    const reading = this.#read(socket).catch((error: unknown) => {
      context.logger.error({ err: error }, `a connection of syslog on ${options.listen} failed`);
      socket.destroy();
    });
    this.#reading.add(reading);
    void reading.finally(() => this.#reading.delete(reading));
  }

  /** Reads the connection to its end. */
  async #read(socket: Socket): Promise<void> {
    const { options, context, openStream } = this.#options;
    const framer = new SyslogFramer(options.max_message_bytes);
    const metadata = metadataOf(socket);
    let stream: LineStream | null = null; // most idle connections never send: they cost no parser
    let heldBytes = 0;
    const take = async (frames: readonly Frame[]): Promise<void> => {
      this.#heldBytes += framer.heldBytes - heldBytes;
      heldBytes = framer.heldBytes;
      if (frames.length === 0) return;
      stream ??= openStream();
      await stream.write({ lines: this.#linesOf(frames, metadata) });
    };
    for await (const chunk of chunksOf(socket)) {
      this.#idle.came(socket);
      context.metrics.bytesRead.inc({ input: context.name }, chunk.length);
      await take(framer.push(chunk));
      this.#idle.taken(socket);
      if (framer.isBroken) {
        this.#drop(
          'framing',
          'a sender counts its messages wrongly (RFC 6587 octet counting); its connection is closed',
        );
        break;
      }
      if (this.#heldBytes > options.queue_bytes && framer.heldBytes > 0) {
        this.#drop('unfinished_messages', 'unfinished messages take more than queue_bytes; a connection is closed');
        break;
      }
    }
    socket.destroy();
    await take(framer.end());
    await (stream as LineStream | null)?.end();
  }

  #linesOf(frames: readonly Frame[], metadata: Metadata): Line[] {
    const { metrics, name: input } = this.#options.context;
    metrics.linesRead.inc({ input }, frames.length);
    return frames.map(({ bytes, isTruncated, isBroken }) => {
      if (!isTruncated && !isBroken) return lineOf(bytes, 0, bytes.length, metadata);
      if (isTruncated) metrics.truncatedLines.inc({ input });
      const marks: [string, string][] = [];
      if (isTruncated) marks.push(['truncated', 'true']);
      if (isBroken) marks.push(['framing', 'broken']);
      return lineOf(bytes, 0, bytes.length, [...metadata, ...marks]);
    });
  }

  #drop(reason: string, why: string): void {
    this.#options.context.metrics.syslogConnectionsClosed.inc({ reason });
    this.#options.notices.warn(reason, why, 1);
  }
}

/** The connection's bytes as they come; paused while the reader is busy. Ends when the connection does, whichever way. */
async function* chunksOf(socket: Socket): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of socket) yield chunk as Buffer;
  } catch {
    // Reset by its sender, or destroyed by our own stop: logged by the `error` listener, and what had come was read.
  }
}

/** Of the sender: its address, and the name in its certificate when it showed one that was accepted. */
function metadataOf(socket: Socket): Metadata {
  const metadata: [string, string][] = [];
  if (socket.remoteAddress !== undefined) metadata.push(['peer', peerOf(socket.remoteAddress)]);
  if (socket instanceof TLSSocket && socket.authorized) {
    const { subject } = socket.getPeerCertificate();
    const name = Array.isArray(subject?.CN) ? subject.CN[0] : subject?.CN;
    if (name !== undefined) metadata.push(['peer_certificate', name]);
  }
  return metadata;
}
