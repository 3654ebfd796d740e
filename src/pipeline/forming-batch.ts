/**
 * A batch while it is put together. Records are encoded, and their patterns found, as they come: as objects they would wait for their
 * commit in three times the memory, and be copied by the garbage collector meanwhile.
 */
import type { Batch, FilePosition, Gap, IngestRequest, LineCount } from '../record/batch.ts';
import type { LogRecord } from '../record/log-record.ts';
import type { PatternChanges } from '../record/pattern-changes.ts';
import { RowsEncoder, cleanText } from '../store/batch-encoding.ts';

/** Records of one source with the position behind them: never split over two batches. */
export interface Slice {
  readonly records: readonly LogRecord[];
  readonly position: FilePosition | undefined;
  readonly gaps: readonly Gap[];
  /** What brought the records, if it must have its effect once. */
  readonly request?: IngestRequest | undefined;
  /** Lines of the source behind the records; as many as records when absent. */
  readonly lines?: number;
}

/** Finds the patterns of records, in the order in which they are committed. */
export interface PatternFinder {
  /** Looks at the next record of the batch. */
  look(record: LogRecord): void;
  /** What the records since the last call add, as one batch; null when there were none. */
  takeChanges(): PatternChanges | null;
}

export class FormingBatch {
  readonly #patterns: PatternFinder | undefined;
  readonly #rows: RowsEncoder;
  readonly #positions = new Map<string, FilePosition>();
  readonly #counts = new Map<string, LineCount>();
  readonly #gaps: Gap[] = [];
  readonly #requests: IngestRequest[] = [];

  /** @param expectedBytes of its rows, about. */
  constructor(patterns: PatternFinder | undefined, expectedBytes: number) {
    this.#patterns = patterns;
    this.#rows = new RowsEncoder(expectedBytes);
  }

  get rowCount(): number {
    return this.#rows.count;
  }

  get bytes(): number {
    return this.#rows.bytes;
  }

  add({ records, position, gaps, request, lines = records.length }: Slice): void {
    for (const record of records) {
      this.#rows.add(record);
      this.#patterns?.look(asStored(record));
    }
    if (position !== undefined) {
      const { generation } = position;
      const before = this.#counts.get(generation) ?? { lines: 0, rows: 0 };
      this.#positions.set(generation, position);
      this.#counts.set(generation, { generation, lines: before.lines + lines, rows: before.rows + records.length });
    }
    this.#gaps.push(...gaps);
    if (request !== undefined) this.#requests.push(request);
  }

  /** Nothing can be added any more. */
  end(): Batch {
    return {
      records: this.#rows.end(),
      positions: [...this.#positions.values()],
      gaps: this.#gaps,
      requests: this.#requests,
      counts: [...this.#counts.values()],
      patterns: this.#patterns?.takeChanges(),
    };
  }
}

/** Patterns are of texts as they are stored: else one that is read back at the next start is not known again by its own messages. */
function asStored(record: LogRecord): LogRecord {
  const { message, source, application } = record;
  const [text, place, name] = [cleanText(message), cleanText(source), cleanText(application.name)];
  if (text === message && place === source && name === application.name) return record;
  return { ...record, message: text, source: place, application: { ...application, name } };
}
