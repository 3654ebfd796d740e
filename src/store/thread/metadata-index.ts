/**
 * Builds the index on `logs_metadata (metadata_type, metadata_value)` of a sealed segment, a metadata type at a time.
 *
 * CREATE INDEX sorts all pairs at once, in memory that the engine never gives back (there is no temporary file in this build). The
 * pairs of one type are a fraction of that, and sorting several short lists compares less. So the pairs are inserted, type by type and
 * in order, into a table without row ids whose primary key is (type, value, id). Its b-tree is the index's, byte for byte
 * (https://sqlite.org/fileformat.html sections 2.4 and 2.5: both hold records of the key's columns, the row id last), and it is then
 * entered into the schema as what it is.
 */
import { RegressionError } from '../../runtime/errors.ts';
import type { Sqlite } from './sqlite.ts';

const definition = 'CREATE INDEX logs_metadata_type_value ON logs_metadata (metadata_type, metadata_value)';

/** Each type costs a scan of the table; beyond these, the rest of the pairs is sorted in one go. */
const maxTypesApart = 16;
/** How many pairs, from the begin and the end of the file, tell which types are frequent. */
const sampledPairs = 20_000;

/** @throws RegressionError `STORE_CORRUPT` when the index does not hold every pair. */
export function buildMetadataIndex(database: Sqlite): void {
  database.exec(`CREATE TABLE metadata_pairs (
    metadata_type TEXT NOT NULL, metadata_value TEXT NOT NULL, id INTEGER NOT NULL,
    PRIMARY KEY (metadata_type, metadata_value, id)) WITHOUT ROWID`);
  const types = frequentTypes(database);
  const insert = (where: string, values: readonly string[]): void =>
    // In the order of the primary key but for equal values, which come in the order of ids all the same.
    database.run(
      `INSERT INTO metadata_pairs SELECT metadata_type, metadata_value, id FROM logs_metadata NOT INDEXED
       WHERE metadata_type ${where} ORDER BY metadata_type, metadata_value`,
      values,
    );
  for (const type of types) insert('= ?', [type]);
  insert('NOT IN (SELECT value FROM json_each(?))', [JSON.stringify(types)]);
  database.exec('PRAGMA writable_schema = ON');
  database.run(
    `UPDATE sqlite_schema SET type = 'index', name = 'logs_metadata_type_value', tbl_name = 'logs_metadata', sql = ?
     WHERE name = 'metadata_pairs'`,
    [definition],
  );
  database.exec('PRAGMA writable_schema = RESET');
  refuseIncomplete(database);
}

/** In the order of the index. */
function frequentTypes(database: Sqlite): readonly string[] {
  return database
    .all<{ type: string }>(
      `SELECT type FROM (
         SELECT metadata_type AS type FROM (
           SELECT metadata_type FROM (SELECT metadata_type FROM logs_metadata ORDER BY id LIMIT ?1)
           UNION ALL
           SELECT metadata_type FROM (SELECT metadata_type FROM logs_metadata ORDER BY id DESC LIMIT ?1))
         GROUP BY 1 ORDER BY count(*) DESC LIMIT ?2)
       ORDER BY type`,
      [sampledPairs, maxTypesApart],
    )
    .map(({ type }) => type);
}

function refuseIncomplete(database: Sqlite): void {
  const count = (how: string): number =>
    database.get<{ pairs: number }>(`SELECT count(*) AS pairs FROM logs_metadata ${how}`)?.pairs ?? 0;
  const indexed = count('INDEXED BY logs_metadata_type_value');
  const stored = count('NOT INDEXED');
  if (indexed === stored) return;
  throw new RegressionError(
    'STORE_CORRUPT',
    `${database.path}: the index holds ${indexed} of ${stored} metadata rows`,
    {
      hint: 'The closed file still answers queries; check the disk.',
    },
  );
}
