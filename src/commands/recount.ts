/**
 * Counts the rows of files again, one by one, and holds them against the counters that were kept in the transactions of the rows. A
 * file's rows stand under the name it had when it was opened, and rotation gives it others: so what is compared is a directory.
 */
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RegressionClient } from '../client/client.ts';

export interface Recount {
  readonly directory: string;
  /** Rows that were stored of the files in it, as counted when they were stored. */
  readonly rows_stored: number;
  /** Rows that are there. */
  readonly rows_counted: number;
  readonly ok: boolean;
}

/** A query may see a state that is this much older than the counters, and twice. */
const settleMs = 500;
const pageRows = 10_000;

/** @param onRows told how far it is, from 0 to 1. */
export async function recount(
  client: RegressionClient,
  signal: AbortSignal,
  onRows: (share: number) => void,
): Promise<readonly Recount[]> {
  const before = await storedIn(client, signal);
  await delay(settleMs, undefined, { signal });
  const counted = new Map<string, number>();
  const { stats } = await client.logs({ limit: 1 }, signal);
  let firstId = 0;
  for await (const { id, source } of client.rows({ order: 'arrival', limit: pageRows }, signal)) {
    firstId ||= id;
    if (id % pageRows === 0) onRows(Math.min(1, id / stats.last_id));
    const directory = dirname(source);
    if (before.has(directory)) counted.set(directory, (counted.get(directory) ?? 0) + 1);
  }
  const after = await storedIn(client, signal);
  // Rows of files that are long gone may be in any directory.
  const { rows: forgottenRows } = (await client.inputs({}, signal)).forgotten;
  // Rows that have been pruned were stored, and are not there: then there may be fewer, never more.
  const isPruned = firstId > 1;
  const isRight = (rows: number, least: number, most: number): boolean =>
    rows <= most + forgottenRows && (isPruned || rows >= least);
  return [...before].map(([directory, least]) => {
    const rows = counted.get(directory) ?? 0;
    const most = after.get(directory) ?? 0;
    return { directory, rows_stored: most, rows_counted: rows, ok: isRight(rows, least, most) };
  });
}

async function storedIn(client: RegressionClient, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const { generations } = await client.inputs({}, signal);
  const stored = new Map<string, number>();
  for (const { path, rows } of generations) stored.set(dirname(path), (stored.get(dirname(path)) ?? 0) + rows);
  return stored;
}
