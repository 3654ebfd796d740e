/**
 * One HTTP upstream: sends a body, waits for the whole answer within bounds, and says what a status means for the rows. What stands in the
 * answer is for the sinks to read.
 *
 * Redirects are not followed: they would carry rows and credentials to a place nobody configured.
 */
import { promisify } from 'node:util';
import { gzip, constants as zlibConstants, zstdCompress } from 'node:zlib';
import type { Agent } from 'undici';
import type { request as askUpstream } from '../client/undici-parts.ts';
import { RegressionError, messageOf, systemCodeOf } from '../runtime/errors.ts';
import { connectionHintOf, readTlsFiles } from './connection.ts';
import type { HttpOptions } from './options.ts';
import type { Delivery, SinkContext } from './sink.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly bytes: Uint8Array;
  readonly text: string;
}

export interface UpstreamRequest {
  readonly url: string | URL;
  readonly body: string | Uint8Array;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** The answer of an upstream that took the request, or why it is none. */
export type Sent =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | Exclude<Delivery, { kind: 'delivered' | 'partly' }>;

/** Longest answer that is read; a bulk answer has some 100 bytes a row. */
const maxAnswerBytes = 32 * 1024 * 1024;
const shownAnswerLength = 300;
/** Bodies shorter than this are not compressed. */
const minCompressedBytes = 1024;

const compress = {
  gzip: (body: Uint8Array) => promisify(gzip)(body, { level: 1 }),
  zstd: (body: Uint8Array) => promisify(zstdCompress)(body, { params: { [zlibConstants.ZSTD_c_compressionLevel]: 1 } }),
} as const;

type Context = Pick<SinkContext, 'origin' | 'clock' | 'secrets' | 'concurrency'>;

export class HttpUpstream {
  readonly #options: HttpOptions;
  readonly #context: Context;
  /** Made anew after refusals and broken handshakes: certificates and secrets may have been replaced meanwhile. */
  #connection: Promise<Connection> | null = null;

  constructor(options: HttpOptions, context: Context) {
    this.#options = options;
    this.#context = context;
  }

  async send({ url, body, contentType, headers = {}, signal }: UpstreamRequest): Promise<Sent> {
    const { compression } = this.#options;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const isCompressed = compression !== 'none' && bytes.length >= minCompressedBytes;
    let connection: Promise<Connection> | null = null;
    let sent: Sent;
    try {
      // Who answers before all has come leaves the rest to be sent while the rows are gone: a request has bytes of its own.
      const own = isCompressed ? await compress[compression](bytes) : Buffer.from(bytes);
      connection = this.#connection ??= this.#connect();
      const { agent, request, authorization } = await connection;
      const { origin, pathname, search } = new URL(url);
      const response = await request(agent, {
        origin,
        path: `${pathname}${search}`,
        method: 'POST',
        signal,
        headers: {
          'content-type': contentType,
          // Another Regression, whatever protocol it is spoken to, finds circles by it.
          'regression-origin': this.#context.origin,
          ...(isCompressed ? { 'content-encoding': compression } : {}),
          ...this.#options.headers,
          ...authorization,
          ...headers,
        },
        body: own,
      });
      const answered = await bytesIn(response.body);
      const text = answered.toString('utf8');
      const answer = { status: response.statusCode, headers: response.headers, bytes: answered, text };
      sent = outcomeOf(answer, this.#context.clock.nowMs());
    } catch (error) {
      sent = failureOf(error, signal, this.#options);
    }
    const isFailed = sent.kind === 'refused' || sent.kind === 'unavailable';
    if (isFailed && connection !== null) await this.#forget(connection, 'close');
    return sent;
  }

  async close(): Promise<void> {
    if (this.#connection !== null) await this.#forget(this.#connection, 'destroy');
  }

  async #connect(): Promise<Connection> {
    const { auth, tls } = this.#options;
    const { concurrency, secrets } = this.#context;
    // Loaded by the first row that leaves: a daemon without such a sink has no use for it.
    const { Agent, request } = await import('../client/undici-parts.ts');
    const agent = new Agent({
      connect: { timeout: 10_000, ...(await readTlsFiles(tls)) },
      connections: concurrency,
      pipelining: 1,
      headersTimeout: 0, // the caller's signal bounds the whole
      bodyTimeout: 0,
    });
    switch (auth?.type) {
      case undefined:
        return { agent, request, authorization: {} };
      case 'basic': {
        const pair = `${auth.username}:${await secrets(auth.password)}`;
        return { agent, request, authorization: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } };
      }
      case 'bearer':
        return { agent, request, authorization: { authorization: `Bearer ${await secrets(auth.token)}` } };
      case 'header':
        return { agent, request, authorization: { [auth.name]: await secrets(auth.value) } };
      default:
        return auth satisfies never;
    }
  }

  /** @param how `close` lets other requests end that are under way on it: their rows would be sent twice. */
  async #forget(connection: Promise<Connection>, how: 'close' | 'destroy'): Promise<void> {
    if (this.#connection === connection) this.#connection = null;
    const opened = await connection.catch(() => null); // what it failed with has been told
    if (how === 'destroy') await opened?.agent.destroy();
    else void opened?.agent.close().catch(() => undefined); // another has closed it
  }
}

interface Connection {
  readonly agent: Agent;
  readonly request: typeof askUpstream;
  readonly authorization: Readonly<Record<string, string>>;
}

/** Always to its end, or the connection is given up: a body left unread would keep its socket for ever. */
async function bytesIn(body: AsyncIterable<Uint8Array> & { destroy(): unknown }): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) {
      body.destroy();
      throw new Error(`the answer is longer than ${maxAnswerBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function outcomeOf(answer: Answer, nowMs: number): Sent {
  const { status, headers } = answer;
  if (status >= 200 && status < 300) return { kind: 'answer', answer };
  const reason = `${status} ${shown(answer.text)}`.trim();
  if (status === 400 || status === 422) return { kind: 'rejected', reason };
  if (status === 413) return { kind: 'rejected', reason, isTooLarge: true };
  if (status === 401 || status === 403) {
    return { kind: 'refused', reason, hint: "Check the sink's auth; rows wait until it is right." };
  }
  if (status === 508) {
    return {
      kind: 'refused',
      reason,
      hint: "The sink's url leads back to where the rows come from: sinks form a circle.",
    };
  }
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    return { kind: 'unavailable', reason, retryAfterMs: retryAfterMs(headers['retry-after'], nowMs) };
  }
  const hint =
    status >= 300 && status < 400
      ? `Redirects are not followed: set the sink's url to ${String(headers['location'] ?? 'where it leads')}.`
      : "Check the sink's url; rows wait until it is right.";
  return { kind: 'refused', reason, hint };
}

/** Seconds or an HTTP date (RFC 9110 section 10.2.3); undefined when it is neither. */
export function retryAfterMs(value: string | readonly string[] | undefined, nowMs: number): number | undefined {
  if (typeof value !== 'string') return undefined;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(atMs - nowMs, 0);
}

function failureOf(error: unknown, signal: AbortSignal, options: HttpOptions): Sent {
  if (error instanceof RegressionError) {
    return { kind: 'refused', reason: error.message, hint: error.hint ?? 'Check the configuration of the sink.' };
  }
  if (signal.aborted) return { kind: 'unavailable', reason: messageOf(signal.reason) };
  const hint =
    connectionHintOf(error) ?? (systemCodeOf(error) === closedByUpstream ? closingHintOf(options) : undefined);
  return { kind: 'unavailable', reason: shown(messageOf(error)), hint };
}

/** undici's code for a connection that the upstream closed before it had answered. */
const closedByUpstream = 'UND_ERR_SOCKET';

/** A server that restarts closes connections as well, so it is a question. */
function closingHintOf({ url, tls }: HttpOptions): string | undefined {
  if (url.startsWith('http:')) return 'Closed without an answer: does the upstream speak TLS (https://), or no HTTP?';
  if (tls?.cert === undefined)
    return 'Closed without an answer: does the upstream ask for a client certificate (tls.cert)?';
  return undefined;
}

/**
 * Null unless what answered is a web page: some address takes any request and answers 200, and rows that went there would be lost.
 * @param expected what the sink's url should lead to.
 */
export function webPageIn({ headers, text }: Answer, expected: string): Delivery | null {
  const isPage = /^text\/html\b/.test(String(headers['content-type'] ?? '')) || /^\s*</.test(text);
  if (!isPage) return null;
  return { kind: 'refused', reason: `a web page: ${shown(text)}`, hint: `Does the sink's url lead to ${expected}?` };
}

/** What an upstream says, in one line of bounded length. */
export function shown(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= shownAnswerLength ? line : `${line.slice(0, shownAnswerLength)}...`;
}

/** The value of a JSON text, to be held against a schema; undefined when it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema says that it is not what was expected
  }
}
