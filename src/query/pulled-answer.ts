/** What a pull answers: its batch as rows, or as a digest of them. */
import { randomUUID } from 'node:crypto';
import { RegressionError } from '../runtime/errors.ts';
import { noHistory } from '../store/patterns.ts';
import { maxDigestedRows, type pullViews } from './consumer-schemas.ts';
import type { QueryContext } from './context.ts';
import { digestOfSpan, wantedBuckets } from './digest.ts';
import { MinedRows } from './mined-rows.ts';
import { allTime } from './pattern-questions.ts';
import { type DigestAnswer, digestAnswer } from './pattern-schemas.ts';
import { type BatchView, type PulledBatch, pullBatch } from './pull.ts';
import { maxLimit } from './schemas.ts';

export interface PullAsked {
  readonly view: (typeof pullViews)[number];
  readonly max_rows?: number | undefined;
  readonly max_bytes: number;
  readonly max_tokens?: number | undefined;
  readonly waitMs: number;
}

/** What a token of a language model is reckoned at; English text and code take 3 to 5 bytes each. */
const bytesPerToken = 4;
const defaultRows = 500;
const defaultDigestTokens = 4000;
const minDigestTokens = 300;
/** Rows read at once: of a digest as many as may be mined without keeping others waiting. */
const pageRows = { rows: 500, digest: 1000 };

type Context = Pick<QueryContext, 'store' | 'feed' | 'clock' | 'queryTimeoutMs'>;

/** @throws RegressionError `QUERY_INVALID` for limits that the view does not take; `CONFLICT` for a batch too large for rows. */
export async function pulledJson(
  context: Context,
  name: string,
  asked: PullAsked,
  signal: AbortSignal,
): Promise<string> {
  return asked.view === 'digest' ? digestJson(context, name, asked, signal) : rowsJson(context, name, asked, signal);
}

class RowLines implements BatchView {
  readonly lines: string[] = [];

  add(lines: readonly string[]): void {
    for (const line of lines) this.lines.push(line);
    if (this.lines.length <= maxLimit) return;
    throw new RegressionError(
      'CONFLICT',
      `the batch that is out has more than ${maxLimit} rows: it was pulled as a digest`,
      {
        hint: 'Pull it with "view": "digest", ack it, or seek.',
      },
    );
  }
}

async function rowsJson(
  context: Context,
  name: string,
  { max_rows: maxRows = defaultRows, max_bytes: maxBytes, max_tokens: maxTokens = Infinity, waitMs }: PullAsked,
  signal: AbortSignal,
): Promise<string> {
  if (maxRows > maxLimit) invalid('max_rows', `at most ${maxLimit}`, 'A digest takes more.');
  const pulled = await pullBatch(context, name, {
    newView: () => new RowLines(),
    pageRows: pageRows.rows,
    maxRows,
    maxBytes: Math.min(maxBytes, maxTokens * bytesPerToken),
    waitMs,
    newBatchId: () => randomUUID(),
    signal,
  });
  const { lines } = pulled.view;
  return joined(headOf(pulled, lines.length), `"digest":null,"rows":[${lines.join(',')}]`);
}

async function digestJson(
  context: Context,
  name: string,
  { max_rows: maxRows = maxDigestedRows, max_tokens: budget = defaultDigestTokens, waitMs }: PullAsked,
  signal: AbortSignal,
): Promise<string> {
  if (budget < minDigestTokens) invalid('max_tokens', `at least ${minDigestTokens} for a digest`, 'Or pull rows.');
  const { store, queryTimeoutMs } = context;
  const limits = { deadlineMs: queryTimeoutMs, signal };
  const { application } = (await store.state.consumer(name)).filter;
  const pulled = await pullBatch(context, name, {
    newView: async () => {
      const [known = noHistory] = await store.patternHistories([{ ...allTime, application }], limits);
      return new MinedRows(known);
    },
    pageRows: pageRows.digest,
    maxRows,
    maxBytes: Infinity,
    waitMs,
    newBatchId: () => randomUUID(),
    signal,
  });
  const { view } = pulled;
  const head = headOf(pulled, view.rowCount);
  if (view.rowCount === 0) return joined(head, '"digest":null,"rows":[]');
  const span = view.span(wantedBuckets);
  const digest = await digestOfSpan(store, span, { hasPast: view.hasPast, changes: [] }, budget, limits);
  const answer: DigestAnswer = digestAnswer(digest, budget);
  return joined(head, `"digest":${JSON.stringify(answer)},"rows":[]`);
}

function headOf({ consumer, batch, gap, lastId, isOverLimit }: PulledBatch<BatchView>, rowCount: number): string {
  return JSON.stringify({
    batch: batch?.id ?? null,
    deliveries: batch?.deliveries ?? 0,
    leased_until: batch === null ? null : new Date(batch.leaseUntilMs).toISOString(),
    gap: gap === null ? null : { first_id: gap.firstId, last_id: gap.lastId },
    over_limit: isOverLimit,
    lag: Math.max(lastId - (batch?.lastId ?? consumer.position), 0),
    row_count: rowCount,
  });
}

/** Rows come as JSON text and are not parsed again. */
function joined(head: string, more: string): string {
  return `${head.slice(0, -1)},${more}}`;
}

function invalid(parameter: string, bound: string, hint: string): never {
  throw new RegressionError('QUERY_INVALID', `${parameter}: ${bound}`, { hint });
}
