/**
 * Lets a user's SQL run only when its bytecode shows that it does nothing but read, and nothing that is secret.
 *
 * `readOnly` and `query_only` are no sandbox in this engine (VACUUM INTO writes, ATTACH opens, PRAGMAs act while they are
 * compiled), and there is no authorizer. So: the first word must be SELECT or WITH before anything is compiled at all, there must
 * be one statement, and then EXPLAIN says what the compiled program would do. Only opcodes known to read are let through.
 */
import { RegressionError, messageOf } from '../../runtime/errors.ts';
import type { SqlAnswer, SqlRequest, SqlValueJson } from '../protocol.ts';
import { type SqlFiles, type Surroundings, withFiles } from './sql-files.ts';
import { type Sqlite, type SqlValue, bytesOfRow } from './sqlite.ts';

/** Tables that hold credentials: nothing of them is read, not even by an index. A test holds this against the schema. */
export const secretTables = ['users', 'tokens'] as const;

/** Table-valued functions that only compute. All other virtual tables (pragma_*, dbstat) are refused. */
const harmlessTables = ["json_each('[]')", "json_tree('[]')"];

/** Opcodes of SQLite 3.53 (vdbe.c) that neither write to a database nor change the connection. */
const readingOpcodes = new Set(
  `Abortable Add AddImm Affinity AggFinal AggInverse AggStep AggStep1 AggValue And BeginSubrtn BitAnd BitNot BitOr Blob Cast Close
   ClrSubtype CollSeq Column ColumnsUsed Compare Concat Copy Count CursorHint CursorLock CursorUnlock DecrJumpZero DeferredSeek Delete
   Divide ElseEq EndCoroutine Eq Explain Filter FilterAdd FinishSeek Found Function Ge GetSubtype Gosub Goto Gt Halt HaltIfNull IdxDelete
   IdxGE IdxGT IdxInsert IdxLE IdxLT IdxRowid If IfEmpty IfNoHope IfNot IfNotOpen IfNotZero IfNullRow IfPos IfSizeBetween Init
   InitCoroutine Insert Int64 IntCopy Integer IsNull IsTrue IsType Jump Last Le Lt MakeRecord Move Multiply MustBeInt Ne NewRowid Next
   NoConflict Noop Not NotExists NotFound NotNull Null NullRow Offset OffsetLimit Once OpenAutoindex OpenDup OpenEphemeral OpenPseudo
   OpenRead Or Permutation Prev PureFunc Real RealAffinity ReleaseReg Remainder ReopenIdx ResetSorter ResultRow Return Rewind
   RowCell RowData RowSetAdd RowSetRead RowSetTest Rowid SCopy SeekEnd SeekGE SeekGT SeekHit SeekLE SeekLT SeekRowid SeekScan Sequence
   SequenceTest SetSubtype ShiftLeft ShiftRight SoftNull Sort SorterCompare SorterData SorterInsert SorterNext SorterOpen SorterSort
   String String8 Subtract Trace Transaction TypeCheck VColumn VFilter VInitIn VNext VOpen Variable Yield ZeroOrNull`.split(
    /\s+/,
  ),
);

/** The second operand is a register, not a page: only programs that make tables do that. */
const OPFLAG_P2ISREG = 0x10;

interface Instruction {
  readonly opcode: string;
  readonly p1: number;
  readonly p2: number;
  readonly p3: number;
  readonly p4: string | null;
  readonly p5: number;
}

/**
 * @param files what is attached to the hot file's connection meanwhile.
 * @throws RegressionError `QUERY_INVALID` for anything but one reading SELECT or WITH; `FORBIDDEN` for secret tables.
 */
export function runSql(database: Sqlite, request: SqlRequest, files: SqlFiles, surroundings: Surroundings): SqlAnswer {
  refuseAllButOneSelect(request.sql);
  const answer = withFiles(database, files, surroundings, () => runInspected(database, request));
  return { ...answer, read: files.read };
}

function runInspected(database: Sqlite, { sql, maxRows, maxBytes }: SqlRequest): Omit<SqlAnswer, 'read'> {
  const columnCount = inspect(database, sql);
  let columns: string[] = [];
  const rows: SqlValueJson[][] = [];
  let bytes = 0;
  let limit: SqlAnswer['limit'] = null;
  attempt(() =>
    database.each(sql, (row) => {
      if (rows.length === 0) columns = columnsOf(row, columnCount);
      bytes += bytesOfRow(row);
      if (rows.length >= maxRows) limit = 'rows';
      else if (bytes > maxBytes) limit = 'bytes';
      else rows.push(Object.values(row).map(jsonValue));
      return limit === null;
    }),
  );
  return { columns, rows, limit };
}

/** @returns how many columns the result has. */
function inspect(database: Sqlite, sql: string): number {
  const program = attempt(() => database.explain<Instruction>(sql));
  const secretPages = secretPagesOf(database);
  const harmless = new Set(harmlessTables.map((table) => virtualTableOf(database, table)));
  let columnCount = 0;
  for (const { opcode, p2, p3, p4, p5 } of program) {
    if (!readingOpcodes.has(opcode) || (opcode === 'Transaction' && p2 !== 0)) {
      throw invalid('it does more than read', 'SELECT and WITH alone.');
    }
    if (opcode === 'ResultRow') columnCount = p2;
    if (opcode === 'VOpen' && !harmless.has(p4)) {
      throw invalid('it reads a virtual table that is not for questions', 'json_each and json_tree are.');
    }
    if (opcode !== 'OpenRead' && opcode !== 'ReopenIdx') continue;
    if ((p5 & OPFLAG_P2ISREG) !== 0) throw invalid('it does more than read', 'SELECT and WITH alone.');
    // p3 is the number of the file: 0 the hot one, 1 temporary tables, the attached ones from 2 on. One that is not known is refused.
    if (secretPages.get(p3)?.has(p2) ?? true) {
      throw new RegressionError(
        'FORBIDDEN',
        `sql: it reads a table that holds credentials (${secretTables.join(', ')})`,
      );
    }
  }
  return columnCount;
}

/**
 * Root pages of the secret tables and their indexes, by the number of the file. A segment that is not sealed yet still has them, on
 * pages of its own.
 */
function secretPagesOf(database: Sqlite): ReadonlyMap<number, ReadonlySet<number>> {
  const files = database.all<{ seq: number; name: string }>('PRAGMA database_list');
  const names = secretTables.map((name) => `'${name}'`).join(', ');
  return new Map(
    files.map(({ seq, name }) => {
      const pages = new Set<number>();
      // Not kept: the same text is another statement once other files bear the name.
      database.each(`SELECT rootpage FROM "${name}".sqlite_schema WHERE tbl_name IN (${names})`, ({ rootpage }) => {
        pages.add(Number(rootpage));
        return true;
      });
      return [seq, pages];
    }),
  );
}

/** Where a table-valued function lives in this connection: EXPLAIN names it by address. */
function virtualTableOf(database: Sqlite, table: string): string | null {
  const program = database.explain<Instruction>(`SELECT 1 FROM ${table}`);
  return program.find(({ opcode }) => opcode === 'VOpen')?.p4 ?? null;
}

/**
 * Only for what must not even be compiled, and for a plain error: whatever passes here is inspected. Skips blanks, comments, strings
 * and quoted names as SQLite's tokenizer does: other blanks are part of a word there (https://sqlite.org/lang_comment.html).
 */
function refuseAllButOneSelect(sql: string): void {
  if (sql.includes('\0')) throw invalid('it contains a NUL character', 'Leave it out.');
  const token =
    /[ \t\n\f\r]+|--[^\n]*|\/\*[^]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\w$\u0080-\uffff]+|[^]/gy;
  const words: string[] = [];
  let isEnded = false;
  for (const [text] of sql.matchAll(token)) {
    if (/^(?:[ \t\n\f\r]|--|\/\*)/.test(text)) continue;
    if (isEnded && text !== ';')
      throw invalid('it is more than one statement', 'One SELECT or WITH; the rest after ; is not run.');
    if (text === ';') isEnded = true;
    else if (words.length === 0) words.push(text.toUpperCase());
  }
  const [first] = words;
  if (first !== 'SELECT' && first !== 'WITH') {
    throw invalid(first === undefined ? 'it is empty' : `it begins with ${first.slice(0, 20)}`, 'One SELECT or WITH.');
  }
}

function columnsOf(row: Readonly<Record<string, SqlValue>>, columnCount: number): string[] {
  const columns = Object.keys(row);
  if (columns.length === columnCount) return columns;
  throw invalid('two columns of the result have the same name', 'Give each its own name with AS.');
}

/** Integers beyond 2^53 and infinities, which JSON has not, as text; blobs in base64. */
function jsonValue(value: SqlValue): SqlValueJson {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'bigint') return value;
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
}

/** What the engine says of a user's SQL is the user's error, not the store's. */
function attempt<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof RegressionError && error.code !== 'STORE_WRITE_FAILED') throw error;
    const message = messageOf(error)
      .replace(/^.*?\.db: /, '')
      .replace(/^:memory:: /, '');
    throw invalid(message, 'Tables: logs, logs_metadata, applications, gaps, file_positions.');
  }
}

function invalid(message: string, hint: string): RegressionError {
  return new RegressionError('QUERY_INVALID', `sql: ${message}`, { hint });
}
