/** Puts a file into an object store by one HTTP PUT, signed for S3 where there are credentials. */
import { createReadStream } from 'node:fs';
import type { Clock } from '../runtime/clock.ts';
import { RegressionError, messageOf } from '../runtime/errors.ts';
import { type Credentials, signedHeaders } from './sigv4.ts';

export interface UploadOptions {
  readonly path: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  readonly url: URL;
  readonly region: string;
  /** Null: the address itself gives the right, or the network. */
  readonly credentials: Credentials | null;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Longest the store may take to answer once it has everything. */
const answerTimeoutMs = 120_000;
const shownAnswerLength = 300;

/** @throws RegressionError `UPLOAD_FAILED`: a task that fails is run again. */
export async function uploadFile(options: UploadOptions): Promise<void> {
  const { path, bytes, sha256, url, region, credentials, clock, signal } = options;
  const headers = { 'content-length': String(bytes), 'content-type': 'application/octet-stream' };
  const sent =
    credentials === null
      ? headers
      : signedHeaders({ method: 'PUT', url, headers, bodySha256: sha256, region, nowMs: clock.nowMs(), credentials });
  let failure: string;
  try {
    const { request } = await import('undici');
    const body = createReadStream(path);
    const response = await request(url, {
      method: 'PUT',
      headers: sent,
      body,
      signal,
      headersTimeout: answerTimeoutMs,
    });
    const text = await response.body.text(); // always read: an unread body keeps the connection
    if (response.statusCode < 300) return;
    failure = `it answered ${response.statusCode}: ${text.slice(0, shownAnswerLength)}`;
  } catch (error) {
    signal.throwIfAborted();
    failure = messageOf(error);
  }
  throw new RegressionError('UPLOAD_FAILED', `${url.host} did not take ${path}: ${failure}`, {
    retryable: true,
    hint: 'Check tasks.archive.upload: its url, region and keys, and the clock of this host.',
  });
}
