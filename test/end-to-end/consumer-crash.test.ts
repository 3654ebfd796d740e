/**
 * An AI batch job that crashes at every step, at a daemon that is killed at every step (F36): each row is seen at least once, and
 * none of an acknowledged batch again. What happened is recorded and printed when it is not so.
 */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import type { RegressionClient } from '../../src/client/client.ts';
import { clientOf, startDaemon, writeConfig } from '../daemon-process.ts';
import { tempDir } from '../temp-dir.ts';

const steps = [
  'before the pull',
  'after the pull',
  'half way through',
  'before the ack',
  'ack sent, answer lost',
  'after the ack',
] as const;
type Step = (typeof steps)[number];

class Crash extends Error {}

/** What the job did, in order: a row it worked on, a batch it knows to be acknowledged. */
interface Record {
  readonly seen: { readonly batch: string; readonly id: number; readonly message: string }[];
  readonly acked: Map<string, number>;
  readonly story: string[];
}

/** One life of the job: works on batches until it crashes at `step`, or there are no more rows. */
async function live(client: RegressionClient, step: Step | null, record: Record): Promise<void> {
  const crashAt = (here: Step): void => {
    if (step !== here) return;
    record.story.push(`job crashes ${here}`);
    throw new Crash(here);
  };
  for (;;) {
    crashAt('before the pull');
    const { batch, rows } = await client.pull('nightly', { max_rows: 7 });
    if (batch === null) return;
    record.story.push(`pulled ${batch}: ${rows[0]?.id}..${rows.at(-1)?.id}`);
    crashAt('after the pull');
    rows.forEach((row, index) => {
      if (index === 3) crashAt('half way through');
      record.seen.push({ batch, id: row.id, message: row.message });
    });
    crashAt('before the ack');
    if (step === 'ack sent, answer lost') {
      await client.ack('nightly', batch); // the daemon has it; the job never learns
      crashAt('ack sent, answer lost');
    }
    await client.ack('nightly', batch);
    record.acked.set(batch, record.seen.length);
    record.story.push(`acked ${batch}`);
    crashAt('after the ack');
  }
}

void test(
  'a job that crashes at every step sees each row at least once, and no acknowledged batch again',
  { timeout: 240_000 },
  async (t) => {
    const directory = await tempDir(t);
    const log = join(directory, 'app.log');
    const config = await writeConfig(directory, [log]);
    const record: Record = { seen: [], acked: new Map(), story: [] };
    let written = 0;
    const write = async (count: number): Promise<void> => {
      await appendFile(log, Array.from({ length: count }, () => `row ${written++}\n`).join(''));
    };
    await write(30);

    for (const step of [...steps, null]) {
      const daemon = startDaemon(t, ['--config', config]);
      const client = await clientOf(await daemon.started);
      await client.createConsumer('nightly', { application: 'app', ack_wait: '1s', max_deliver: 100 });
      await write(5);
      while (((await client.hits({ start: '-1d', q: '/^row /' })).hits[0]?.total ?? 0) < written) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await live(client, step, record).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      });
      record.story.push('daemon killed');
      await client.close();
      await daemon.kill('SIGKILL');
    }

    const seen = new Set(record.seen.map(({ message }) => message));
    const missing = Array.from({ length: written }, (_, index) => `row ${index}`).filter((row) => !seen.has(row));
    t.strictSame(missing, [], 'each row at least once');
    for (const [batch, at] of record.acked) {
      t.notOk(
        record.seen.slice(at).some((row) => row.batch === batch),
        `batch ${batch} came again after its ack`,
      );
      const ids = new Set(
        record.seen
          .slice(0, at)
          .filter((row) => row.batch === batch)
          .map(({ id }) => id),
      );
      t.notOk(
        record.seen.slice(at).some(({ id }) => ids.has(id)),
        `a row of ${batch} came again in another batch`,
      );
    }
    t.ok(record.acked.size >= 4);
    if (!t.passing()) t.comment(record.story.join('\n'));
  },
);
