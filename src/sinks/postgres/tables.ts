/** Makes the tables of migrations/postgres, and finds the range of ids of a store. */
import { readFile } from 'node:fs/promises';
import type { ClientBase } from 'pg';

const migration = new URL('../../../migrations/postgres/0001-tables.sql', import.meta.url);
/** Any number of ours: of several who make the tables at once one does it. */
const advisoryLock = 851_408_514;
/** Ids of a store, 2^40: with 1024 metadata ids each and 8192 stores they fit into 63 bits. */
const idsPerOrigin = 2n ** 40n;

/** Idempotent. One message, so one transaction. @throws DatabaseError of pg. */
export async function createTables(client: ClientBase): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(${advisoryLock}); ${await readFile(migration, 'utf8')}`);
}

/** The first id of the store's range; the first store's ids stay as they are. @throws DatabaseError of pg. */
export async function firstIdOf(client: ClientBase, origin: string): Promise<bigint> {
  for (;;) {
    const found = await client.query<{ first_id: string }>(
      `WITH made AS (
         INSERT INTO origins (origin, first_id) SELECT $1, coalesce(max(first_id) + ${idsPerOrigin}, 0) FROM origins
         HAVING NOT EXISTS (SELECT FROM origins WHERE origin = $1)
         ON CONFLICT DO NOTHING RETURNING first_id
       ) SELECT first_id FROM made UNION ALL SELECT first_id FROM origins WHERE origin = $1`,
      [origin],
    );
    const firstId = found.rows[0]?.first_id;
    if (firstId !== undefined) return BigInt(firstId); // else another took the same range in this moment
  }
}
