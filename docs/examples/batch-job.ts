/**
 * A nightly AI batch job: pulls errors batch by batch, has them summarised, keeps the answer where others find it.
 *
 *     REGRESSION_URL=http://127.0.0.1:8514 REGRESSION_TOKEN=rgr_... node batch-job.ts
 *
 * It may be killed at any moment and started again: a batch that was not acknowledged comes again, an acknowledged one never.
 */
import { RegressionClient } from 'regression/client';

const client = new RegressionClient({
  url: process.env['REGRESSION_URL'] ?? 'http://127.0.0.1:8514',
  token: process.env['REGRESSION_TOKEN'] ?? '',
});

// Creating it again changes nothing but its lease.
await client.createConsumer('nightly-errors', { q: 'severity:>=error', ack_wait: '10m', max_deliver: 3 });

const counts = new Map<string, number>();
for await (const { rows, gap } of client.batches('nightly-errors', { max_rows: 200, max_tokens: 20_000 })) {
  if (gap !== null) console.error(`rows ${gap.first_id} to ${gap.last_id} had gone to retention before this job came`);
  // Here a language model would read the batch. This job counts what is the same but for its numbers.
  for (const { message } of rows) {
    const kind = message.replaceAll(/\d+/g, '<n>');
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
} // the batch is acknowledged when the loop comes back for the next one

const summary = [...counts].sort(([, a], [, b]) => b - a).map(([kind, count]) => ({ kind, count }));
await client.putResult('nightly-errors', summary, '7d');
console.log(JSON.stringify(summary));
await client.close();
