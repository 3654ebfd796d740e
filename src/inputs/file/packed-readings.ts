/**
 * The packed files (.gz, .zst) that generations go on in, while they are being read. Reading takes as long as the store makes it take
 * and a packed file may not be whole yet, so it goes on beside the scans: until it is over, its file and its generation are taken.
 *
 * reading -> done; reading -> waiting (the file could not be read to its end) -> reading, by a later scan; waiting -> done, with a gap
 */
import type { FilePosition } from '../../record/batch.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { LineStream } from '../input.ts';
import { birthOf } from './births.ts';
import type { FileWork } from './file-work.ts';
import { sha256 } from './fingerprint.ts';
import { lossBehind } from './losses.ts';
import { type Neighbour, versionOf } from './neighbour.ts';
import { packedHead, readPackedRest } from './packed-rest.ts';
import type { RotationSearch } from './rotation-search.ts';

/** A packed file that cannot be read to its end may still be written: it is tried again by scans, this often and this far apart. */
const maxAttempts = 30;
const retryMs = 1000;

interface Reading {
  readonly stream: LineStream;
  readonly neighbour: Neighbour;
  /** Behind the last line that was handed on. */
  position: FilePosition;
  running: Promise<void> | null;
  attempts: number;
  retryAtMs: number;
}

export class PackedReadings {
  readonly #work: FileWork;
  readonly #signal: AbortSignal;
  readonly #readings = new Map<string, Reading>();

  constructor(work: FileWork, signal: AbortSignal) {
    this.#work = work;
    this.#signal = signal;
  }

  /** Reads what is behind the position; from here on the file and its generation are taken. */
  begin(neighbour: Neighbour, position: FilePosition, stream: LineStream): void {
    const reading = { neighbour, position, stream, running: null, attempts: 0, retryAtMs: 0 };
    this.#readings.set(versionOf(neighbour), reading);
    this.#try(reading);
  }

  isReading(neighbour: Neighbour): boolean {
    return this.#readings.has(versionOf(neighbour));
  }

  /** Of the generations that are being read. */
  positions(): readonly FilePosition[] {
    return [...this.#readings.values()].map(({ position }) => position);
  }

  /** Called by every scan: takes up again what could not be read to its end, under the name it has now. */
  async retry(search: RotationSearch): Promise<void> {
    for (const [key, reading] of this.#readings) {
      if (reading.running !== null || this.#work.context.clock.monotonicMs() < reading.retryAtMs) continue;
      const { stat } = reading.neighbour;
      const evidence = { ...reading.position.evidence, ...birthOf(stat) };
      const file = { ...reading.position, device: String(stat.dev), inode: String(stat.ino), evidence };
      const now = await search.byInode(file);
      if (now === null) this.#try(reading);
      else {
        this.#readings.delete(key);
        const moved = { ...reading, neighbour: now };
        this.#readings.set(versionOf(now), moved);
        this.#try(moved);
      }
    }
  }

  /** Resolves when none is being read; those that wait for their file are left waiting. */
  async settled(): Promise<void> {
    for (const { running } of this.#readings.values()) await running;
  }

  #try(reading: Reading): void {
    reading.running = this.#attempt(reading).finally(() => {
      reading.running = null;
    });
  }

  async #attempt(reading: Reading): Promise<void> {
    const { path } = reading.neighbour;
    try {
      if (await this.#read(reading)) await this.#done(reading);
    } catch (error) {
      if (this.#signal.aborted) return; // the next start goes on at the stored position
      reading.attempts++;
      reading.retryAtMs = this.#work.context.clock.monotonicMs() + retryMs;
      if (reading.attempts < maxAttempts) return;
      const { offset, evidence } = reading.position;
      this.#work.context.logger.warn(
        { path, offset, reason: messageOf(error) },
        'a packed log file cannot be read to its end',
      );
      const gaps = lossBehind(reading.position, offset, evidence?.seen?.bytes ?? 0, 'unreadable');
      reading.position = { ...reading.position, isEnded: true };
      await reading.stream
        .write({ lines: [], position: reading.position, gaps })
        .then(() => this.#done(reading))
        .catch((failure: unknown) => this.#work.report(path, `cannot say what is lost of ${path}`, failure));
    }
  }

  /** @returns false when it was broken off by a stop. */
  async #read(reading: Reading): Promise<boolean> {
    const { options } = this.#work;
    const { neighbour } = reading;
    const head = await packedHead(neighbour, options.fingerprint_bytes);
    if (head.length > reading.position.fingerprintBytes) {
      reading.position = { ...reading.position, fingerprint: sha256(head), fingerprintBytes: head.length };
    }
    return readPackedRest({
      neighbour,
      position: reading.position,
      stream: reading.stream,
      encoding: this.#work.encodingOf(head),
      maxLineBytes: options.max_line_bytes,
      onLines: (lines, emptyLines, position) => {
        reading.position = position;
        this.#work.count({ lines: lines.length, bytes: 0, emptyLines, truncatedLines: 0 });
      },
      signal: this.#signal,
    });
  }

  async #done(reading: Reading): Promise<void> {
    await reading.stream.end();
    // In one step: whoever looks finds the generation here or among the known.
    this.#work.remember(reading.position);
    this.#readings.delete(versionOf(reading.neighbour));
  }
}
