/**
 * The text blocks (text-blocks.ts) of files that are not sealed, in the memory of one reader thread: of those that were asked for a text, as far as they
 * have been read. They name a file by its first id: a hot file's stay good when it is closed.
 */
import type { Segment } from '../segments.ts';
import type { Sqlite } from './sqlite.ts';
import { TextBlocks, blockCandidates, fewestRowsForBlocks } from './text-blocks.ts';
import type { TextCandidates } from './text-index.ts';

/** Rows that a question may read beside its own work; with more missing it goes without. */
const rowsAtOnce = 30_000;
/** The hot file, and those that wait to be sealed. Each takes some 17 bytes a row. */
const mostFiles = 4;

interface Known {
  readonly blocks: TextBlocks;
  untilId: number;
}

export class UnsealedTexts {
  /** By first id, the longest unused first. */
  readonly #files = new Map<number, Known>();

  /** Null when they are not known, or do not help. */
  candidates(database: Sqlite, texts: readonly string[]): TextCandidates | null {
    const range = database.get<{ firstId: number | null; lastId: number | null }>(
      'SELECT (SELECT min(id) FROM logs) AS firstId, (SELECT max(id) FROM logs) AS lastId',
    );
    const [firstId, lastId] = [range?.firstId ?? 0, range?.lastId ?? 0];
    if (lastId - firstId < fewestRowsForBlocks) return null;
    const known = this.#known(firstId);
    read(database, known, lastId);
    if (known.untilId < lastId) return null;
    return blockCandidates(texts, { firstId, lastId }, (bits) => bits.map((bit) => known.blocks.bitmap(bit)));
  }

  /** Of files that have been sealed or dropped nothing is kept. */
  keepOnly(segments: readonly Segment[]): void {
    const lastId = segments.at(-1)?.lastId ?? 0;
    for (const firstId of this.#files.keys()) {
      const isClosed = segments.some((segment) => segment.firstId === firstId && segment.state === 'closed');
      if (firstId <= lastId && !isClosed) this.#files.delete(firstId);
    }
  }

  #known(firstId: number): Known {
    const known = this.#files.get(firstId) ?? {
      blocks: new TextBlocks({ firstId, lastId: firstId + rowsAtOnce }),
      untilId: firstId - 1,
    };
    this.#files.delete(firstId);
    this.#files.set(firstId, known);
    for (const oldest of this.#files.keys()) if (this.#files.size > mostFiles) this.#files.delete(oldest);
    return known;
  }
}

function read(database: Sqlite, known: Known, lastId: number): void {
  const untilId = Math.min(known.untilId + rowsAtOnce, lastId);
  if (untilId === known.untilId) return;
  const found = database.get<{ ids: string; messages: string }>(
    `SELECT json_group_array(id) AS ids, json_group_array(message) AS messages FROM logs NOT INDEXED WHERE id > ? AND id <= ?`,
    [known.untilId, untilId],
  );
  const messages = JSON.parse(found?.messages ?? '[]') as string[];
  for (const [index, id] of (JSON.parse(found?.ids ?? '[]') as number[]).entries()) {
    const bytes = Buffer.from(messages[index] ?? '');
    known.blocks.add(id, bytes, 0, bytes.length);
  }
  known.untilId = untilId;
}
