/** A whole daemon in this process that takes what clients send, and the rows they became. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import type { Test } from 'tap';
import { RegressionClient } from '../../src/client/client.ts';
import { configSchema } from '../../src/config/schema.ts';
import { Daemon } from '../../src/daemon.ts';
import type { LogRow } from '../../src/search/request.ts';
import { tempDir } from '../temp-dir.ts';

export interface Receiver {
  /** `http://127.0.0.1:8514` */
  readonly url: string;
  readonly token: string;
  /** A directory for the client's own files, gone with the test. */
  readonly directory: string;
  /** Ports of the syslog inputs, in the order given. */
  readonly ports: readonly number[];
  /** Waits until there are `count` rows; they in order of arrival. */
  readonly rows: (count: number) => Promise<LogRow[]>;
}

/** @param inputs configurations of syslog inputs. */
export async function startReceiver(t: Test, inputs: readonly Record<string, unknown>[] = []): Promise<Receiver> {
  const directory = await tempDir(t);
  const daemon = new Daemon({
    config: configSchema.parse({
      data_dir: join(directory, 'data'),
      inputs: inputs.map((input) => ({ type: 'syslog', ...input })),
      server: { listen: '127.0.0.1:0' },
    }),
    logger: pino({ level: 'silent' }),
    env: {},
    version: '0.0.0',
    onFatal: (error) => t.fail(String(error)),
  });
  t.teardown(() => daemon.stop());
  await daemon.start();
  const { server, inputs: described, adminTokenPath } = daemon.summary;
  const token = (await readFile(adminTokenPath, 'utf8')).trim();
  const client = new RegressionClient({ url: server, token });
  t.teardown(() => client.close());
  return {
    url: server,
    token,
    directory,
    ports: described.map((text) => Number(/:(\d+)$/.exec(text)?.[1] ?? 0)),
    async rows(count) {
      const deadline = AbortSignal.timeout(20_000);
      for (;;) {
        const { rows } = await client.logs({ order: 'arrival', limit: 10_000 }, deadline);
        if (rows.length >= count) return [...rows];
        await delay(10);
      }
    },
  };
}
