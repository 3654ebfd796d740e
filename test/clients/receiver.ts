/** A whole daemon in this process that takes what clients send, and the rows they became. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { LogRow } from '../../src/search/request.ts';
import { startDaemon } from '../start-daemon.ts';
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
  const { daemon, url, token, client } = await startDaemon(
    t,
    join(directory, 'data'),
    inputs.map((input) => ({ type: 'syslog', ...input })),
  );
  return {
    url,
    token,
    directory,
    ports: daemon.summary.inputs.map((text) => Number(/:(\d+)$/.exec(text)?.[1] ?? 0)),
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
