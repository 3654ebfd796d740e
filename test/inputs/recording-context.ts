/** What an input is given, recording what it hands on; committed at once, or held back as a slow store would. */
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import type { InputContext, Line, LineChunk, LineStream, SourceDescription } from '../../src/inputs/input.ts';
import type { FilePosition, Gap, StoredPosition } from '../../src/record/batch.ts';
import { createMetrics } from '../../src/runtime/metrics.ts';
import { ManualClock } from '../manual-clock.ts';

/** A loop without a pause would take the core that the input's threads and senders need. */
const pollMs = 5;

export interface RecordedLine extends Line {
  readonly source: string;
  readonly generation: string | undefined;
}

export class RecordingContext implements InputContext {
  readonly name = 'input';
  readonly clock: ManualClock;
  readonly metrics = createMetrics();
  readonly ownPaths: string[] = [];
  readonly lines: RecordedLine[];
  readonly gaps: Gap[];
  readonly opened: SourceDescription[] = [];
  /** Messages of the daemon's own log from warnings up. */
  readonly warnings: string[] = [];
  readonly logger = pino(
    { level: 'warn' },
    { write: (line: string) => this.warnings.push((JSON.parse(line) as { msg: string }).msg) },
  );
  #positions: Map<string, StoredPosition>;
  #isDead = false;
  #held: Promise<void> = Promise.resolve();

  /** @param killed whose store this one goes on with. */
  constructor(killed?: RecordingContext) {
    this.clock = killed?.clock ?? new ManualClock();
    this.lines = killed?.lines ?? [];
    this.gaps = killed?.gaps ?? [];
    this.#positions = killed === undefined ? new Map() : killed.#positions;
  }

  /** As SIGKILL does: from here on nothing reaches the store. The next daemon has the context returned. */
  kill(): RecordingContext {
    this.#isDead = true;
    return new RecordingContext(this);
  }

  open(source: SourceDescription): LineStream {
    this.opened.push(source);
    return {
      write: async ({ lines, position, gaps = [] }: LineChunk) => {
        await this.#held;
        if (this.#isDead) throw new Error('killed');
        for (const line of lines) this.lines.push({ ...line, source: source.source, generation: position?.generation });
        this.gaps.push(...gaps);
        if (position !== undefined) this.addPosition(position, lines.length);
      },
      end: async () => undefined,
    };
  }

  /** As the store has it, or as another life of the daemon left it. */
  addPosition(position: FilePosition, lines = 0): void {
    const before = this.#positions.get(position.generation);
    const count = (before?.lines ?? 0) + lines;
    const updatedAt = new Date(this.clock.nowMs()).toISOString();
    this.#positions.set(position.generation, { ...position, lines: count, rows: count, updatedAt });
  }

  async knownPositions(): Promise<readonly StoredPosition[]> {
    return [...this.#positions.values()];
  }

  async forgetGenerations(generations: readonly string[]): Promise<void> {
    for (const generation of generations) this.#positions.delete(generation);
  }

  changePositions(change: (position: StoredPosition) => StoredPosition): void {
    this.#positions = new Map([...this.#positions].map(([generation, position]) => [generation, change(position)]));
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

  /** Waits until the counter's value is as wanted. */
  async until(name: string, isReached: (value: number) => boolean): Promise<void> {
    while (!isReached(await this.count(name))) await delay(pollMs);
  }

  /** Waits for so many lines. */
  async untilLines(count: number): Promise<void> {
    while (this.lines.length < count) await delay(pollMs);
  }

  /** The value of a counter, over all its labels. */
  async count(name: string): Promise<number> {
    const metric = await this.metrics.registry.getSingleMetric(`regression_${name}`)?.get();
    return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
  }
}
