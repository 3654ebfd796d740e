/** Makes the tables of migrations/postgres, and finds the range of ids of a store. */
import { readFile } from 'node:fs/promises';
import type { ClientBase } from 'pg';

const migration = new URL('../../../migrations/postgres/0001-tables.sql', import.meta.url);
/** Any number of ours: of several who make the tables at once one does it. */
const advisoryLock = 851_408_514;
/** Ids of a store, 2^40: with 1024 metadata ids each and 8192 stores they fit into 63 bits. */
const idsPerOrigin = 2n ** 40n;

/** Idempotent. @throws DatabaseError of pg. */
export async function createTables(client: ClientBase): Promise<void> {
  const sql = await readFile(migration, 'utf8');
  await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${advisoryLock})`);
  try {
    await client.query(sql);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined); // the connection is gone, and the transaction with it
    throw error;
  }
}

/** The first id of the store's range; the first store's ids stay as they are. @throws DatabaseError of pg. */
export async function firstIdOf(client: ClientBase, origin: string): Promise<bigint> {
  for (;;) {
    const found = await client.query<{ first_id: string }>('SELECT first_id FROM origins WHERE origin = $1', [origin]);
    const known = found.rows[0]?.first_id;
    if (known !== undefined) return BigInt(known);
    await client.query(
      `INSERT INTO origins (origin, first_id) SELECT $1, coalesce(max(first_id) + ${idsPerOrigin}, 0) FROM origins
       ON CONFLICT DO NOTHING`,
      [origin],
    );
  }
}
