/**
 * What was found in files that do not change any more, kept for the next time it is asked: of a question over many days only the hot
 * file's part is work. One of each reader thread; it goes with the thread.
 *
 * Entries are named by a part's first id, which is never given out twice: a hot file's numbers stay good when it becomes a segment.
 */

import type { Segment } from '../segments.ts';

/** The bound: so many bytes of answers and of their questions. Larger ones than the second are not kept. */
export const segmentAnswerLimits = { bytes: 8 * 1024 * 1024, bytesPerEntry: 512 * 1024 } as const;

interface Entry {
  readonly firstId: number;
  readonly answer: unknown;
  readonly bytes: number;
}

export class SegmentAnswers {
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** @param question says what was asked, and of which kind the answer is. */
  get<Answer>(firstId: number, question: string): Answer | undefined {
    const key = `${firstId} ${question}`;
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.answer as Answer;
  }

  /** @param answerBytes about what it takes in memory. */
  put(firstId: number, question: string, answer: unknown, answerBytes: number): void {
    const key = `${firstId} ${question}`;
    this.#forget(key);
    const bytes = answerBytes + key.length;
    if (bytes > segmentAnswerLimits.bytesPerEntry) return;
    this.#entries.set(key, { firstId, answer, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= segmentAnswerLimits.bytes) break;
      this.#forget(oldest);
    }
  }

  /** Segments that have gone take their answers with them; what follows the last of `segments` is of the hot file. */
  keepOnly(segments: readonly Segment[]): void {
    const firstIds = new Set(segments.map(({ firstId }) => firstId));
    const lastId = segments.at(-1)?.lastId ?? 0;
    for (const [key, { firstId }] of this.#entries) {
      if (firstId <= lastId && !firstIds.has(firstId)) this.#forget(key);
    }
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
