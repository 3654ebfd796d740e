/**
 * The full-text index of sealed segments. It only narrows a search down: whether a message holds the words is decided by the
 * search's own condition on the rows that are left, so segments answer exactly as the hot file does.
 *
 * A search for `set` also finds `reset`, so words cannot simply be looked up. What is indexed are runs of letters (digits and
 * signs separate them; upper and lower case of ASCII alike, as LIKE has it): there are few different ones, since ids and numbers
 * fall apart, and `logs_text_terms` lists them with their number of rows. A wanted word is looked for in that list, and the rows
 * of all terms that hold it are the candidates.
 */
import type { Sqlite, SqlValue } from './sqlite.ts';

export function buildTextIndex(database: Sqlite): void {
  database.exec(`
    CREATE VIRTUAL TABLE logs_text USING fts5 (
      message, content = 'logs', content_rowid = 'id', detail = none, columnsize = 0,
      tokenize = "ascii separators '0123456789'");
    INSERT INTO logs_text (logs_text, rank) VALUES ('automerge', 0);
    INSERT INTO logs_text (rowid, message) SELECT id, message FROM logs;
    CREATE VIRTUAL TABLE temp.logs_text_vocabulary USING fts5vocab (main, logs_text, row);
    CREATE TABLE logs_text_terms (term TEXT PRIMARY KEY, row_count INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO logs_text_terms SELECT term, doc FROM temp.logs_text_vocabulary;
    DROP TABLE temp.logs_text_vocabulary`);
}

/** A condition on `logs.id` that every row fulfils whose message holds all the texts, and how many rows fulfil it at most. */
export interface TextCandidates {
  readonly sql: string;
  readonly values: readonly SqlValue[];
  readonly maxRows: number;
}

export function idCandidates(ids: readonly number[]): TextCandidates {
  return { sql: 'log.id IN (SELECT value FROM json_each(?))', values: [JSON.stringify(ids)], maxRows: ids.length };
}

/** More alternatives than this for one word: it is too short to narrow anything down. */
const maxTermsPerRun = 500;

interface Term {
  readonly term: string;
  readonly row_count: number;
}

/** The terms of the index that fit a LIKE pattern; null when they are too many. */
export function termsLike(database: Sqlite, pattern: string): readonly Term[] | null {
  const terms = database.all<Term & Record<string, string | number>>(
    `SELECT term, row_count FROM logs_text_terms WHERE term LIKE ? LIMIT ${maxTermsPerRun + 1}`,
    [pattern],
  );
  return terms.length > maxTermsPerRun ? null : terms;
}

/** As an expression of the index. @param terms at least one. */
export function anyOf(terms: readonly Term[]): string {
  return `(${terms.map(({ term }) => `"${term}"`).join(' OR ')})`;
}

/** Null when the index cannot narrow the search down. */
export function textCandidates(database: Sqlite, texts: readonly string[]): TextCandidates | null {
  const conjunction: string[] = [];
  let maxRows = Infinity;
  for (const { pattern } of texts.flatMap(runsOf)) {
    const terms = termsLike(database, pattern);
    if (terms === null) continue;
    if (terms.length === 0) return { sql: 'log.id IN ()', values: [], maxRows: 0 };
    maxRows = Math.min(
      maxRows,
      terms.reduce((sum, { row_count: rows }) => sum + rows, 0),
    );
    conjunction.push(anyOf(terms));
  }
  if (conjunction.length === 0) return null;
  return {
    sql: 'log.id IN (SELECT rowid FROM logs_text WHERE logs_text MATCH ?)',
    values: [conjunction.join(' AND ')],
    maxRows,
  };
}

/**
 * The runs of letters in a text, as LIKE patterns of the terms that can stand for them: at the ends of the text a run may be a part
 * of a longer one, inside it is whole.
 */
function runsOf(text: string): { readonly pattern: string }[] {
  // The tokenizer takes every character beyond ASCII for a letter.
  return [...text.matchAll(/[A-Za-z\u0080-\u{10ffff}]+/gu)].map(({ 0: run, index }) => ({
    pattern: `${index === 0 ? '%' : ''}${run}${index + run.length === text.length ? '%' : ''}`,
  }));
}
