/** A whole daemon in this process, on a free port, stopped with the test. */
import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import type { Test } from 'tap';
import { RegressionClient } from '../src/client/client.ts';
import { configSchema } from '../src/config/schema.ts';
import { Daemon, type DaemonOptions } from '../src/daemon.ts';

export interface StartedDaemon {
  readonly daemon: Daemon;
  /** `http://127.0.0.1:8514` */
  readonly url: string;
  readonly token: string;
  readonly client: RegressionClient;
}

/**
 * @param inputs their configurations.
 * @param more further sections of the configuration.
 * @param options of the daemon itself.
 */
export async function startDaemon(
  t: Test,
  dataDir: string,
  inputs: readonly object[] = [],
  more: object = {},
  options: Partial<DaemonOptions> = {},
): Promise<StartedDaemon> {
  const daemon = new Daemon({
    config: configSchema.parse({ data_dir: dataDir, inputs, server: { listen: '127.0.0.1:0' }, ...more }),
    logger: pino({ level: 'silent' }),
    env: {},
    version: '0.0.0',
    onFatal: (error) => t.fail(String(error)),
    ...options,
  });
  t.teardown(() => daemon.stop());
  await daemon.start();
  const { server: url, adminTokenPath } = daemon.summary;
  const token = (await readFile(adminTokenPath, 'utf8')).trim();
  const client = new RegressionClient({ url, token });
  t.teardown(() => client.close());
  return { daemon, url, token, client };
}
