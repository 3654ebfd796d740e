/** DuckDB, which reads Parquet with code that has nothing to do with what writes ours. */

/** As far as it is used here; by its name in a variable, so that this file is checked where the 70 MB were left out. */
interface DuckDb {
  readonly DuckDBInstance: {
    create(path: string): Promise<{ connect(): Promise<Connection> }>;
  };
}
interface Connection {
  runAndReadAll(sql: string): Promise<{ getRowObjectsJson(): Record<string, unknown>[] }>;
  closeSync(): void;
}

const name: string = '@duckdb/node-api';
const duckdb = await (import(name) as Promise<DuckDb>).catch(() => null);

/** Options of a test that needs it: skipped without it, saying so. */
export function needsDuckdb(): { skip: string | false } {
  return { skip: duckdb === null ? `${name} is not installed` : false };
}

export interface DuckdbQuery {
  /** 64-bit integers come as texts. */
  (sql: string): Promise<readonly Record<string, unknown>[]>;
}

export async function openDuckdb(t: { teardown(end: () => void): void }): Promise<DuckdbQuery> {
  if (duckdb === null) throw new Error(`${name} is not installed`);
  const connection = await (await duckdb.DuckDBInstance.create(':memory:')).connect();
  t.teardown(() => connection.closeSync());
  return async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
}
