/**
 * A program that logs to one file, and the ledger of what it wrote: every line whose write has returned, with the life of the file's
 * content that it is in and where. A rename or a truncation ends a life.
 */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { Random } from '../random.ts';

/** As much of a life's beginning is kept as the daemon's fingerprints cover. */
const headBytes = 1024;

export interface Life {
  head: string;
  bytes: number;
  /** How much of it can be read by a daemon that is late, in the rotated file or its copy; null while the life lasts. */
  keptBytes: number | null;
}

export interface WrittenLine {
  readonly life: Life;
  readonly start: number;
  /** Exclusive, behind the newline. */
  readonly end: number;
}

/** Ends the program's current life, see rotations.ts. */
export type Rotate = (program: Program) => Promise<void>;

export class Program {
  readonly name: string;
  readonly path: string;
  readonly lines: WrittenLine[] = [];
  readonly lives: Life[] = [];
  rotations = 0;
  readonly #run: string;
  readonly #random: Random;
  readonly #rotate: Rotate;

  constructor(directory: string, name: string, run: string, random: Random, rotate: Rotate) {
    this.name = name;
    this.path = join(directory, `${name}.log`);
    this.#run = run;
    this.#random = random;
    this.#rotate = rotate;
    this.begin();
  }

  /** The text of the line with this number, without its newline. */
  textOf(number: number): string {
    const body = `run=${this.#run} f=${this.name} n=${number} ${'.'.repeat(number % 200)}`;
    return `${body} crc=${crc32(body).toString(16)}`;
  }

  get life(): Life {
    const life = this.lives.at(-1);
    if (life === undefined) throw new Error('no life has begun');
    return life;
  }

  begin(): void {
    this.lives.push({ head: '', bytes: 0, keptBytes: null });
  }

  async writeSome(): Promise<void> {
    const { life } = this;
    const first = this.lines.length;
    const texts = Array.from({ length: this.#random.integer(1, 200) }, (_, index) => `${this.textOf(first + index)}\n`);
    let text = texts.join('');
    life.head += text.slice(0, headBytes - life.head.length);
    while (text !== '') {
      const piece = text.slice(0, this.#random.integer(1, 30_000));
      await appendFile(this.path, piece);
      text = text.slice(piece.length);
      if (this.#random.chance(0.1)) await delay(1);
    }
    for (const { length } of texts) {
      this.lines.push({ life, start: life.bytes, end: life.bytes + length });
      life.bytes += length;
    }
  }

  async rotate(): Promise<void> {
    this.rotations++;
    await this.#rotate(this);
  }
}
