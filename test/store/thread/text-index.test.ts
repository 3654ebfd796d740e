import fc from 'fast-check';
import { join } from 'node:path';
import { test } from 'tap';
import { Sqlite } from '../../../src/store/thread/sqlite.ts';
import { buildTextIndex, textCandidates } from '../../../src/store/thread/text-index.ts';
import { memoryDir } from '../../temp-dir.ts';

function indexed(messages: readonly string[], path = ':memory:'): Sqlite {
  const database = new Sqlite(path);
  database.exec('CREATE TABLE logs (id INTEGER PRIMARY KEY, message TEXT NOT NULL)');
  messages.forEach((message, index) => database.run('INSERT INTO logs VALUES (?, ?)', [index + 1, message]));
  buildTextIndex(database);
  return database;
}

function candidateIds(database: Sqlite, texts: readonly string[]): number[] | null {
  const candidates = textCandidates(database, texts);
  if (candidates === null) return null;
  const ids = database
    .all<{ id: number }>(`SELECT log.id AS id FROM logs log WHERE ${candidates.sql}`, candidates.values)
    .map(({ id }) => id);
  if (ids.length > candidates.maxRows) throw new Error('more candidates than promised');
  return ids;
}

/** Pieces from which log messages and searches are made: words, ids, signs, letters beyond ASCII. */
const piece = fc.constantFrom(
  'connection',
  'Reset',
  'reset',
  'set',
  'ERROR',
  'a',
  'x9',
  '42',
  '3fa9c2d1',
  'f00',
  ' ',
  ' ',
  ': ',
  '=',
  '/',
  '-',
  '_',
  '%',
  '"',
  "'",
  '*',
  '\\',
  'é',
  'É',
  'straße',
  '日本',
  '\u{1f600}',
  '\u0080',
  'user',
  'userId',
  '1',
  '.',
  '(',
  'AND',
  'NOT',
  'NEAR',
);
const text = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(''));

void test('no row that holds the texts is ever left out of the candidates', async (t) => {
  fc.assert(
    fc.property(
      fc.array(text, { minLength: 1, maxLength: 12 }),
      fc.array(fc.tuple(text, fc.nat(5), fc.nat(5)), { minLength: 1, maxLength: 3 }),
      (messages, wanted) => {
        // Searches cut out of a message meet it, at any letter; others mostly do not.
        const texts = wanted
          .map(([other, start, length], index) => {
            const message = messages[(start + length) % messages.length] ?? '';
            return index % 2 === 0
              ? Array.from(message)
                  .slice(start, start + length + 1)
                  .join('')
              : other;
          })
          .filter((part) => part !== '');
        const database = indexed(messages);
        try {
          const fold = (value: string): string => value.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
          const holding = messages.flatMap((message, index) =>
            texts.every((part) => fold(message).includes(fold(part))) ? [index + 1] : [],
          );
          const candidates = candidateIds(database, texts);
          return candidates === null || holding.every((id) => candidates.includes(id));
        } finally {
          database.close();
        }
      },
    ),
    { numRuns: 300 },
  );
  t.pass();
});

void test('words narrow a search down, also from inside a word; numbers and single signs do not', async (t) => {
  const database = indexed(['connection reset by peer', 'reconnected to peer 42', 'settings of user=4711', 'nothing']);
  t.teardown(() => database.close());

  t.strictSame(candidateIds(database, ['connect']), [1, 2]);
  t.strictSame(candidateIds(database, ['SET']), [1, 3]);
  t.strictSame(candidateIds(database, ['connection reset']), [1]);
  t.strictSame(candidateIds(database, ['connect', 'peer 4']), [1, 2], 'what is left is for the condition itself');
  t.strictSame(candidateIds(database, ['connection reset', 'user']), []);
  t.strictSame(candidateIds(database, ['unheard']), []);
  t.equal(textCandidates(database, ['unheard'])?.maxRows, 0);
  t.equal(candidateIds(database, ['42', '=']), null);
});

void test('a letter that too many terms hold narrows nothing down', async (t) => {
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  const messages = Array.from({ length: 676 }, (_, n) => `q${letters[Math.floor(n / 26)]}${letters[n % 26]}`);
  const database = indexed(messages, join(await memoryDir(t), 'x.db'));
  t.teardown(() => database.close());

  t.equal(candidateIds(database, ['q']), null);
  t.equal(candidateIds(database, ['q', 'za'])?.length, 1);
});
