/** What an input is given, recording what it hands on; committed at once, or held back as a slow store would. */
import { pino } from 'pino';
import type { InputContext, Line, LineChunk, LineStream, SourceDescription } from '../../src/inputs/input.ts';
import type { FilePosition, Gap } from '../../src/record/batch.ts';
import { createMetrics } from '../../src/runtime/metrics.ts';
import { ManualClock } from '../manual-clock.ts';

export interface RecordedLine extends Line {
  readonly source: string;
  readonly generation: string | undefined;
}

export class RecordingContext implements InputContext {
  readonly clock = new ManualClock();
  readonly metrics = createMetrics();
  readonly ownPaths: string[] = [];
  readonly lines: RecordedLine[] = [];
  readonly gaps: Gap[] = [];
  readonly opened: SourceDescription[] = [];
  /** Messages of the daemon's own log from warnings up. */
  readonly warnings: string[] = [];
  readonly logger = pino(
    { level: 'warn' },
    { write: (line: string) => this.warnings.push((JSON.parse(line) as { msg: string }).msg) },
  );
  #positions = new Map<string, FilePosition>();
  #held: Promise<void> = Promise.resolve();

  open(source: SourceDescription): LineStream {
    this.opened.push(source);
    return {
      write: async ({ lines, position, gaps = [] }: LineChunk) => {
        await this.#held;
        for (const line of lines) this.lines.push({ ...line, source: source.source, generation: position?.generation });
        this.gaps.push(...gaps);
        if (position === undefined) return;
        this.#positions.delete(position.generation);
        this.#positions.set(position.generation, position);
      },
      end: async () => undefined,
    };
  }

  async knownPositions(): Promise<readonly FilePosition[]> {
    return [...this.#positions.values()];
  }

  get texts(): string[] {
    return this.lines.map(({ text }) => text);
  }

  /** Makes every write wait until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return resolve;
  }

  /** The value of a counter, over all its labels. */
  async count(name: string): Promise<number> {
    const metric = await this.metrics.registry.getSingleMetric(`regression_${name}`)?.get();
    return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
  }
}
