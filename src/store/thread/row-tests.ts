/**
 * Tests of messages and metadata, told from the bytes of records: for rows that are looked at one after the other the engine seeks each row, and
 * hands its texts out of WebAssembly where its operators do not say what is meant. What a text satisfies is predicates.ts' matter here as well; only
 * what words a text holds is looked for in its bytes.
 */
import { literalsOf } from '../../pattern/message-words.ts';
import { literalsIn, requiredEnd } from '../../search/pattern-literals.ts';
import { satisfies, satisfiesNumber } from '../../search/predicates.ts';
import { type Severity, severitiesFrom } from '../../record/severity.ts';
import type { Query, Test } from '../../search/query.ts';
import type { Filter } from '../../search/request.ts';
import type { KeptRecords } from './kept-records.ts';
import { endsOfMessages, isEnd } from './message-ends.ts';
import { type NumberColumn, numbersOfKey } from './number-columns.ts';
import { FoldedBytes } from './pages/folded-bytes.ts';
import type { PageReader } from './pages/page-file.ts';
import { PairCursor, isEqual } from './pages/pair-cursor.ts';
import { Columns } from './pages/record-columns.ts';
import { TableCursor } from './pages/table-pages.ts';
import type { Sqlite } from './sqlite.ts';

/** All of them must hold. */
export interface RowTests {
  /** Of each of these sets a row's severity must be one. */
  readonly severities: readonly (readonly Severity[])[];
  readonly messages: readonly Test[];
  readonly pairs: readonly (readonly [key: string, test: Test])[];
}

/** A filter, parted: those of its terms that are tests of a message, of metadata or of the severity, and all that is left. */
export interface PartedFilter {
  readonly tests: RowTests;
  readonly rest: Filter;
}

/** Null without tests of a message or of metadata. */
export function partedFilter(filter: Filter): PartedFilter | null {
  const { search, minSeverity, ...others } = filter;
  if (search === undefined) return null;
  const severities = minSeverity === undefined ? [] : [severitiesFrom(minSeverity)];
  const [messages, pairs, rest]: [Test[], [string, Test][], Query[]] = [[], [], []];
  for (const term of search.query.kind === 'and' ? search.query.parts : [search.query]) {
    if (term.kind === 'severity') severities.push(term.among);
    else if (term.kind !== 'test' || !isWellFormed(term.test)) rest.push(term);
    else if ('metadata' in term.field) pairs.push([term.field.metadata, term.test]);
    else if (term.field.column === 'message') messages.push(term.test);
    else rest.push(term);
  }
  if (messages.length + pairs.length === 0) return null;
  const query: Query = { kind: 'and', parts: rest };
  return {
    tests: { severities, messages, pairs },
    rest: rest.length === 0 ? others : { ...others, search: { ...search, query } },
  };
}

/** The engine is given other texts for those that UTF-8 cannot say. */
function isWellFormed(test: Test): boolean {
  return !('value' in test) || test.value.isWellFormed();
}

interface PairTest {
  readonly key: Buffer;
  readonly test: Test;
  /** Of a range: what tells it without a look at the pairs. */
  readonly numbers: NumberColumn | null;
}

/** What messages must end with. */
interface EndTest {
  readonly isEnd: (value: number) => boolean;
  readonly ends: NumberColumn;
}

/** The file's column of what a row's number is. */
export type NumbersOf = (what: string) => NumberColumn | null;

/** Rows passed over at most before the next one is looked for anew. */
const mostRowsPassed = 50;

/** Holds rows of one file against tests. */
export class RowTester {
  readonly #rows: TableCursor;
  readonly #columns = new Columns(6);
  readonly #severities: readonly (readonly string[])[];
  readonly #messages: readonly ((bytes: Uint8Array, start: number, length: number) => boolean)[];
  /** Of some of the tests of messages, which are asked none the less of those that are left. */
  readonly #ends: readonly EndTest[];
  readonly #pairs: PairCursor | null;
  readonly #pairTests: readonly PairTest[];

  /** @param open pages of the file of `database`, once a table. */
  constructor(
    database: Sqlite,
    open: () => PageReader,
    { severities, messages, pairs }: RowTests,
    numbersOf: NumbersOf = () => null,
  ) {
    this.#rows = new TableCursor(open(), database.rootPageOf('logs'));
    this.#severities = severities;
    this.#messages = messages.map(messageTest);
    const ends = messages.map((test) => (test.kind === 'regex' ? Buffer.from(requiredEnd(test)) : Buffer.alloc(0)));
    this.#ends = ends.flatMap((end) => {
      const column = end.length === 0 ? null : numbersOf('end of message');
      return column === null ? [] : [{ isEnd: isEnd(end), ends: column }];
    });
    this.#pairs = pairs.length === 0 ? null : new PairCursor(open(), database.rootPageOf('logs_metadata'));
    this.#pairTests = pairs.map(([key, test]) => ({
      key: Buffer.from(key),
      test,
      numbers: test.kind === 'compare' && test.as === 'number' ? numbersOf(`metadata ${key}`) : null,
    }));
  }

  /**
   * @param ids of rows of the file, rising; they lie close together.
   * @param kept gets the records of rows that had to be read and whose message is as wanted.
   */
  satisfying(ids: Float64Array, kept: KeptRecords): Float64Array {
    const rows = this.#rows;
    let [left, pairTests] = [ids, this.#pairTests];
    for (const endTest of this.#ends) left = this.#ending(left, endTest);
    for (const pairTest of pairTests) {
      const inRange = this.#inRange(left, pairTest);
      if (inRange === null) continue;
      left = inRange;
      pairTests = pairTests.filter((other) => other !== pairTest);
    }
    rows.id = -Infinity;
    if (this.#messages.length + this.#severities.length > 0)
      left = left.filter((id) => {
        const isHeld = isAt(rows, id) && this.#rowHolds();
        if (isHeld) kept.keep(rows);
        return isHeld;
      });
    this.#pairs?.forget();
    return pairTests.length === 0 ? left : left.filter((id) => this.#pairsHold(id, pairTests));
  }

  #ending(ids: Float64Array, { isEnd: isWanted, ends }: EndTest): Float64Array {
    const [first, last] = [ids[0], ids.at(-1)];
    if (first === undefined || last === undefined || !ends.cover(first, last, endsOfMessages(this.#rows))) return ids;
    return idsWhere(ids, (id) => isWanted(ends.at(id)));
  }

  /** Null where the test is not of a range, or a column cannot tell. */
  #inRange(ids: Float64Array, { key, test, numbers }: PairTest): Float64Array | null {
    if (numbers === null || test.kind !== 'compare' || this.#pairs === null) return null;
    const [first, last] = [ids[0], ids.at(-1)];
    if (first === undefined || last === undefined) return ids;
    if (!numbers.cover(first, last, numbersOfKey(this.#pairs, key))) return null;
    return idsWhere(ids, (id) => satisfiesNumber(numbers.at(id), test));
  }

  /** Of the rows of these ids, both inclusive, those that satisfy the tests: their records of `logs`. */
  each(firstId: number, lastId: number, onRow: (bytes: Uint8Array, columns: Columns) => void): void {
    const rows = this.#rows;
    rows.seek(firstId);
    this.#pairs?.forget();
    while (rows.next() && rows.id <= lastId) {
      if (this.#rowHolds() && this.#pairsHold(rows.id)) onRow(rows.bytes, this.#columns);
    }
  }

  /** Of the row that the cursor stands on. */
  #rowHolds(): boolean {
    const { bytes, at } = this.#rows;
    const columns = this.#columns;
    columns.find(bytes, at);
    for (const isHeld of this.#messages) if (!isHeld(bytes, columns.start(5), columns.length(5))) return false;
    if (this.#severities.length === 0) return true;
    const severity = columns.text(bytes, 2);
    return this.#severities.every((among) => among.includes(severity));
  }

  #pairsHold(id: number, tests = this.#pairTests): boolean {
    return this.#pairs === null || hasPairs(this.#pairs, id, tests);
  }
}

/** As `filter`, which takes several times as long for typed arrays. */
function idsWhere(ids: Float64Array, isWanted: (id: number) => boolean): Float64Array {
  const left = new Float64Array(ids.length);
  let count = 0;
  for (const id of ids) if (isWanted(id)) left[count++] = id;
  return left.subarray(0, count);
}

function isAt(rows: TableCursor, id: number): boolean {
  if (id - rows.id > mostRowsPassed) {
    rows.seek(id);
    if (!rows.next()) return false;
  }
  while (rows.id < id) if (!rows.next()) return false;
  return rows.id === id;
}

function hasPairs(pairs: PairCursor, id: number, tests: readonly PairTest[]): boolean {
  let missing = tests;
  for (pairs.seek(id); pairs.logId === id && missing.length > 0; pairs.next()) {
    for (const test of missing) if (holds(pairs, test)) missing = missing.filter((other) => other !== test);
  }
  return missing.length === 0;
}

function holds(pairs: PairCursor, { key, test }: PairTest): boolean {
  if (!pairs.isOf(key)) return false;
  const { bytes, columns } = pairs;
  return satisfies(textAt(bytes, columns.start(3), columns.length(3)), test);
}

function textAt(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString();
}

type MessageTest = (bytes: Uint8Array, start: number, length: number) => boolean;

function messageTest(test: Test): MessageTest {
  const isSatisfied: MessageTest = (bytes, start, length) => satisfies(textAt(bytes, start, length), test);
  switch (test.kind) {
    case 'contains':
    case 'word_starts': {
      if (test.value === '') return isSatisfied;
      const wanted = new FoldedBytes(Buffer.from(test.value));
      return test.kind === 'contains' ? contains(wanted) : beginsWord(wanted, isSatisfied);
    }
    case 'regex':
      return behind([endsWith(Buffer.from(requiredEnd(test))), ...literalsIn(test).map(containsText)], isSatisfied);
    case 'fits':
      return behind(literalsOf(test.template).map(containsText), isSatisfied);
    case 'exists':
    case 'is':
    case 'starts':
    case 'compare':
      return isSatisfied;
    default:
      return test satisfies never;
  }
}

/** What is told soon goes first, and leaves few texts to look at closely. */
function behind(rough: readonly MessageTest[], exact: MessageTest): MessageTest {
  return (bytes, start, length) => {
    for (const mayHold of rough) if (!mayHold(bytes, start, length)) return false;
    return exact(bytes, start, length);
  };
}

function contains(wanted: FoldedBytes): MessageTest {
  return (bytes, start, length) => wanted.indexIn(bytes, start, start + length) >= 0;
}

/** @param text not empty. */
function containsText(text: string): MessageTest {
  return contains(new FoldedBytes(Buffer.from(text)));
}

function endsWith(last: Uint8Array): MessageTest {
  return (bytes, start, length) => length >= last.length && isEqual(bytes, start + length - last.length, last);
}

/** @param isSatisfied is asked where a character beyond ASCII stands before the text. */
function beginsWord(wanted: FoldedBytes, isSatisfied: MessageTest): MessageTest {
  return (bytes, start, length) => {
    const end = start + length;
    for (let at = wanted.indexIn(bytes, start, end); at >= 0; at = wanted.indexIn(bytes, at + 1, end)) {
      const before = at === start ? 0 : (bytes[at - 1] ?? 0);
      if (before >= 0x80) return isSatisfied(bytes, start, length);
      if (!isWordByte(before)) return true;
    }
    return false;
  };
}

/** Of ASCII: a letter, a digit or an underscore. */
function isWordByte(byte: number): boolean {
  const letter = byte | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f;
}
