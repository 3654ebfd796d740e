/** An HTTP upstream that behaves as a script says, request by request, and keeps what it was sent. */
import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type Server as TlsServer, createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { Test } from 'tap';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Decompressed. */
  readonly body: Buffer;
  readonly text: string;
}

/** What is done with one request. */
export type Step = (received: Received, response: ServerResponse, request: IncomingMessage) => void;

export const answer =
  (status: number, body = '', headers: Record<string, string> = {}): Step =>
  (_received, response) => {
    response.writeHead(status, headers);
    response.end(body);
  };

/** Takes the request and never answers. */
export const hang: Step = () => undefined;

/** The connection breaks instead of an answer. */
export const cut: Step = (_received, _response, request) => request.socket.destroy();

export class ScriptedUpstream {
  readonly received: Received[];
  /** Connections that were ever made. */
  connections = 0;
  openConnections = 0;
  readonly #server: Server | TlsServer;
  readonly #steps: Step[] = [];
  #always: Step = answer(200);
  #waiting: (() => void)[] = [];

  /** @param received what an upstream before it has got: it goes on from there. */
  constructor(tls?: { cert: string; key: string; ca?: string; requestCert?: boolean }, received: Received[] = []) {
    this.received = received;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => void this.#take(request, response);
    this.#server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
    this.#server.on('connection', (socket) => {
      this.connections++;
      this.openConnections++;
      socket.on('close', () => this.openConnections--);
    });
  }

  static async listen(t: Test, tls?: ConstructorParameters<typeof ScriptedUpstream>[0]): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream(tls);
    await upstream.listen();
    t.teardown(() => upstream.close());
    return upstream;
  }

  async listen(port = 0, address = '127.0.0.1'): Promise<void> {
    this.#server.listen(port, address);
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The next requests, in order; then what `always` says. */
  script(...steps: readonly Step[]): this {
    this.#steps.push(...steps);
    return this;
  }

  always(step: Step): this {
    this.#always = step;
    return this;
  }

  /** Resolves when `holds` does, looked at after each request. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return; // the sender went away: nothing was received
    }
    const raw = Buffer.concat(chunks);
    const encoding = request.headers['content-encoding'];
    const body = encoding === 'gzip' ? gunzipSync(raw) : encoding === 'zstd' ? zstdDecompressSync(raw) : raw;
    const { method = '', url: path = '', headers } = request;
    const received = { method, path, headers, body, text: body.toString('utf8') };
    this.received.push(received);
    (this.#steps.shift() ?? this.#always)(received, response, request);
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Rows of NDJSON bodies, in the order received. */
export function rowsIn(received: readonly Received[]): { id: number; message: string }[] {
  return received.flatMap(({ text }) =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { id: number; message: string }),
  );
}
