/**
 * What every ingest route has in common: who must come again later, what a body may weigh, what is stored once only, and that an answer
 * of success is given when the rows are on disk, not before.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Posted, type Rejected, UnreadableBody } from '../inputs/http/posted.ts';
import type { Ingest } from '../pipeline/ingest.ts';
import type { IngestRequest } from '../record/batch.ts';
import type { LogRecord } from '../record/log-record.ts';
import { type Clock } from '../runtime/clock.ts';
import { messageOf, systemCodeOf } from '../runtime/errors.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Store } from '../store/store.ts';
import type { Accounts } from './accounts.ts';
import { originOf, withOrigin } from './origin-path.ts';
import { type PostBounds, PostsUnderWay } from './posts-under-way.ts';

export interface IngestGateOptions extends PostBounds {
  readonly ingest: Pick<Ingest, 'recordsOf' | 'commit' | 'isBehind' | 'failure'>;
  readonly accounts: Pick<Accounts, 'maySendFor'>;
  readonly store: Pick<Store, 'findRequest' | 'state'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** What became of a request. */
export interface StoredPost {
  readonly accepted: number;
  readonly rejected: readonly Rejected[];
  /** Its Idempotency-Key had been stored before: nothing was stored now, and the answer is the same. */
  readonly isRepetition: boolean;
}

/** Why a request is not taken, as a status with what the sender should do. */
export class IngestRefusal extends Error {
  override readonly name = 'IngestRefusal';
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, code: string, message: string, more: { hint?: string; retryAfterSeconds?: number } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = more.hint;
    this.retryAfterSeconds = more.retryAfterSeconds;
  }
}

/** A commit that takes longer is answered with 503: the rows may still be stored, so the sender should have used a key. */
const commitTimeoutMs = 20_000;
const maxKeyLength = 255;
const input = 'http';

const decompressors = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
} as const;

export class IngestGate {
  readonly #options: IngestGateOptions;
  readonly #underWay: PostsUnderWay;
  /** By key: requests that are being looked up or stored. */
  readonly #once = new Map<string, { readonly bodyDigest: string; readonly settled: Promise<boolean> }>();

  constructor(options: IngestGateOptions) {
    this.#options = options;
    this.#underWay = new PostsUnderWay(options);
  }

  /**
   * A hook before the body is read.
   * @throws IngestRefusal 429 when the store is behind, 503 when it fails.
   */
  admit = async ({ headers }: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { ingest } = this.#options;
    if (ingest.failure !== null) {
      throw new IngestRefusal(503, 'STORE_FAILING', `the store takes no rows: ${ingest.failure}`, {
        hint: 'Send the same request again after Retry-After. GET /health/ready says when the store takes rows.',
        retryAfterSeconds: 5,
      });
    }
    if (ingest.isBehind || !this.#underWay.enter(headers, reply.raw)) {
      throw new IngestRefusal(429, 'STORE_BEHIND', 'the store is behind with what it has been given', {
        hint: 'Send the same request again after Retry-After.',
        retryAfterSeconds: 1,
      });
    }
  };

  /** @throws IngestRefusal 413, 415 or 400. */
  async bodyOf(request: FastifyRequest): Promise<Buffer> {
    const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    this.#options.metrics.bytesRead.inc({ input }, body.length);
    if (encoding === 'identity' || encoding === '') return body;
    const decompress = Object.hasOwn(decompressors, encoding)
      ? decompressors[encoding as keyof typeof decompressors]
      : undefined;
    if (decompress === undefined) {
      throw new IngestRefusal(415, 'ENCODING_UNKNOWN', `Content-Encoding ${encoding} is not known here`, {
        hint: `Known: ${Object.keys(decompressors).join(', ')}.`,
      });
    }
    const { maxBodyBytes } = this.#options;
    try {
      return await decompress(body, { maxOutputLength: maxBodyBytes });
    } catch (error) {
      if (systemCodeOf(error) === 'ERR_BUFFER_TOO_LARGE') {
        throw bodyTooLarge(`the body is longer than ${maxBodyBytes} bytes decompressed`);
      }
      throw new IngestRefusal(400, 'BODY_UNREADABLE', `the body is not ${encoding}: ${messageOf(error)}`, {
        hint: 'Send it as Content-Encoding says, whole, or leave the header out. Nothing of it is stored.',
      });
    }
  }

  /** What `read` makes of the body. @throws IngestRefusal 400 when it is not of its format as a whole. */
  read<Result extends Posted>(read: () => Result): Result {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof UnreadableBody)) throw error;
      throw new IngestRefusal(400, 'BODY_UNREADABLE', error.message, {
        hint: 'The body as a whole is not of the format of this route: nothing of it is stored. docs/network-inputs.md says what each takes.',
      });
    }
  }

  /**
   * Stores the entries and resolves when they are on disk; stores nothing when the request's Idempotency-Key has been stored before.
   * @param source names the rows' source where the entries do not.
   * @param isKeyed the body is its own key where the request has none: its sender has given its entries ids.
   * @throws IngestRefusal 403 when the sender may send none of them, 422 when the key came with another body before, 503 when the store
   * does not get it done, 508 for rows that have been here before.
   */
  async store(
    request: FastifyRequest,
    body: Buffer,
    posted: Posted,
    source: string,
    isKeyed = false,
  ): Promise<StoredPost> {
    const { metrics, ingest } = this.#options;
    const described = { source, format: 'json', applicationHint: 'http' };
    const sent = await this.#onTheirWay(request, ingest.recordsOf(posted.entries, described));
    const { records, refused } = await this.#permitted(request, posted, sent);
    const rejected = [...posted.rejected, ...refused].sort((a, b) => a.index - b.index);
    if (rejected.length > 0) metrics.dropped.inc({ input, reason: 'rejected' }, rejected.length);
    const once = requestOf(request, body, isKeyed);
    const commit = async (): Promise<void> => {
      metrics.linesRead.inc({ input }, records.length);
      await ingest.commit(records, once);
    };
    let isRepetition = false;
    if (records.length > 0) {
      if (once === undefined) await this.#inTime(commit());
      else isRepetition = await this.#inTime(this.#storeOnce(once, commit));
    }
    return { accepted: records.length, rejected, isRepetition };
  }

  /** Rows of another Regression know the way that they have come; those that come round would do so for ever. */
  async #onTheirWay({ headers }: FastifyRequest, records: readonly LogRecord[]): Promise<readonly LogRecord[]> {
    const from = originOf(headers['regression-origin']);
    if (from === null) return records;
    const passed = withOrigin(records, from, await this.#options.store.state.origin());
    if (passed !== null) return passed;
    throw new IngestRefusal(508, 'LOOP_DETECTED', 'these rows come from this store', {
      hint: 'Sinks lead in a circle: one must go, or get a `query` that leaves out what came from here.',
    });
  }

  /** The records of applications that the sender may send for, and which entries are of others. */
  async #permitted(
    { principal }: FastifyRequest,
    { entries }: Posted,
    records: readonly LogRecord[],
  ): Promise<{ records: readonly LogRecord[]; refused: Rejected[] }> {
    if (principal.role === 'admin') return { records, refused: [] };
    const answers = new Map<string, boolean>();
    for (const { application } of records) {
      if (answers.has(application.name)) continue;
      answers.set(application.name, await this.#options.accounts.maySendFor(principal, application.name));
    }
    const isPermitted = ({ application }: LogRecord): boolean => answers.get(application.name) === true;
    const refused = records.flatMap((record, place) => {
      const reason = `${principal.name} does not own the application ${record.application.name}`;
      return isPermitted(record) ? [] : [{ index: entries[place]?.index ?? 0, reason }];
    });
    if (refused.length > 0 && refused.length === records.length) {
      throw new IngestRefusal(403, 'FORBIDDEN', refused[0]?.reason ?? '', {
        hint: 'An admin makes a user the owner of an application.',
      });
    }
    return { records: records.filter(isPermitted), refused };
  }

  /** @returns true for a repetition. A request that failed may be tried again: only what was stored counts. */
  async #storeOnce(request: IngestRequest, commit: () => Promise<void>): Promise<boolean> {
    const { key, bodyDigest } = request;
    for (;;) {
      const other = this.#once.get(key);
      if (other === undefined) break;
      if (other.bodyDigest !== bodyDigest) throw keyReused();
      if (await other.settled) return true;
    }
    const storing = this.#lookUpAndCommit(request, commit);
    const settled = storing.then(
      () => true,
      () => false,
    );
    this.#once.set(key, { bodyDigest, settled });
    void settled.then(() => this.#once.delete(key));
    return storing;
  }

  async #lookUpAndCommit({ key, bodyDigest }: IngestRequest, commit: () => Promise<void>): Promise<boolean> {
    const known = await this.#options.store.findRequest(key);
    if (known === null) {
      await commit();
      return false;
    }
    if (known.bodyDigest !== bodyDigest) throw keyReused();
    return true;
  }

  async #inTime<Result>(storing: Promise<Result>): Promise<Result> {
    const waited = new AbortController();
    const late = this.#options.clock.delay(commitTimeoutMs, waited.signal).then(() => {
      throw new IngestRefusal(503, 'COMMIT_LATE', 'the store did not confirm in time; the rows may be stored later', {
        hint: 'Repeat the request; with an Idempotency-Key nothing is stored twice.',
        retryAfterSeconds: 5,
      });
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([storing, late]);
    } catch (error) {
      if (error instanceof IngestRefusal) throw error;
      throw new IngestRefusal(503, 'STORE_CLOSED', messageOf(error), { retryAfterSeconds: 5 });
    } finally {
      waited.abort();
    }
  }
}

export function bodyTooLarge(message: string): IngestRefusal {
  return new IngestRefusal(413, 'BODY_TOO_LARGE', message, {
    hint: 'Send less at once, or raise server.max_ingest_bytes; where little memory is granted, a share of that is the bound.',
  });
}

function keyReused(): IngestRefusal {
  return new IngestRefusal(422, 'IDEMPOTENCY_KEY_REUSED', 'this Idempotency-Key came with another body before', {
    hint: 'A key names one request: make a new one for each.',
  });
}

/** @throws IngestRefusal 400 for a key that is none. */
function requestOf(request: FastifyRequest, body: Buffer, isKeyed: boolean): IngestRequest | undefined {
  const key = request.headers['idempotency-key'];
  // The path as it was asked for, not its route: the index of `/:index/_bulk` is part of what the body says.
  const bodyDigest = sha256(`${request.url.split('?', 1)[0]}\n`, body);
  if (key === undefined)
    return isKeyed ? { key: `${request.principal.name}/body/${bodyDigest}`, bodyDigest } : undefined;
  if (typeof key !== 'string' || key === '' || key.length > maxKeyLength) {
    throw new IngestRefusal(
      400,
      'IDEMPOTENCY_KEY_INVALID',
      `Idempotency-Key: expected 1 to ${maxKeyLength} characters`,
      { hint: 'A UUID does: a new one for each request, the same one for its repetitions.' },
    );
  }
  // Two senders may choose the same key.
  return { key: `${request.principal.name}/${key}`, bodyDigest };
}

function sha256(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
