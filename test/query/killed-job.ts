/**
 * An AI batch job as a process of its own, which kills itself (SIGKILL) at a step: started by killed-job.test.ts.
 *
 * Arguments: the endpoint's URL, a token, the step, and a ledger. It writes into the ledger, line by line, what it knows: `seen BATCH
 * ID MESSAGE` for each row it has worked on, `acked BATCH` once the endpoint has said so.
 */
import { appendFileSync } from 'node:fs';
import { RegressionClient } from '../../src/client/client.ts';

const [url = '', token = '', dieAt = '', ledger = ''] = process.argv.slice(2);
const client = new RegressionClient({ url, token });

function reached(step: string): void {
  if (step === dieAt) process.kill(process.pid, 'SIGKILL');
}

for (;;) {
  reached('before the pull');
  const pulling = client.pull('nightly', { max_rows: 7 });
  if (dieAt === 'during the pull') setImmediate(() => reached('during the pull'));
  const { batch, rows } = await pulling;
  if (batch === null) break;
  reached('after the pull');
  rows.forEach((row, index) => {
    if (index === 3) reached('half way through');
    appendFileSync(ledger, `seen ${batch} ${row.id} ${row.message}\n`);
  });
  reached('before the ack');
  const acking = client.ack('nightly', batch);
  if (dieAt === 'during the ack') setImmediate(() => reached('during the ack'));
  await acking;
  appendFileSync(ledger, `acked ${batch}\n`);
  reached('after the ack');
}
await client.close();
