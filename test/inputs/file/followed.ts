/** A directory of logs that is followed by the real input, looked at when the test says so. */
import { appendFile, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { watch } from 'chokidar';
import type { Test } from 'tap';
import { FileInput } from '../../../src/inputs/file/file-input.ts';
import { type FileOptions, fileOptions } from '../../../src/inputs/file/options.ts';
import { tempDir } from '../../temp-dir.ts';
import { RecordingContext } from '../recording-context.ts';

export type Options = Partial<Record<keyof FileOptions, unknown>>;

export class Followed {
  readonly directory: string;
  readonly context: RecordingContext;
  readonly #isWatching: boolean;
  #options: Options;
  #input: FileInput;

  constructor(directory: string, options: Options, isWatching: boolean, context = new RecordingContext()) {
    this.directory = directory;
    this.context = context;
    this.#options = options;
    this.#isWatching = isWatching;
    this.#input = this.#create();
  }

  #create(): FileInput {
    const include = [join(this.directory, '*.log')];
    return new FileInput(
      fileOptions.parse({ include, ...this.#options }),
      this.context,
      this.#isWatching ? watch : null,
    );
  }

  get input(): FileInput {
    return this.#input;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  async append(name: string, text: string | Buffer): Promise<void> {
    await appendFile(this.path(name), text);
  }

  /** The path of an empty file that is there now. */
  async made(name: string): Promise<string> {
    await appendFile(this.path(name), '');
    return this.path(name);
  }

  async move(from: string, to: string): Promise<void> {
    await rename(this.path(from), this.path(to));
  }

  /** As gzip and zstd do it: the packed file beside, with the time of the original's last write; then the original goes. */
  async pack(name: string, kind: 'gz' | 'zst' = 'gz'): Promise<void> {
    const original = this.path(name);
    const bytes = await readFile(original);
    const { atime, mtime } = await stat(original);
    await writeFile(`${original}.${kind}`, kind === 'gz' ? gzipSync(bytes) : zstdCompressSync(bytes));
    await utimes(`${original}.${kind}`, atime, mtime);
    await unlink(original);
  }

  async start(): Promise<void> {
    await this.#input.start();
    await this.#input.drained();
  }

  /** Looks at everything once and reads what is there. */
  async look(): Promise<void> {
    await this.#input.scan();
    await this.#input.drained();
  }

  /** As if rotated files had been quiet for their time. */
  async waitOutRotation(): Promise<void> {
    await this.look();
    this.context.clock.advance(61_000);
    await this.look();
  }

  stop(): Promise<void> {
    return this.#input.stop();
  }

  /** A new daemon over the same store. */
  async restart(options: Options = this.#options): Promise<void> {
    await this.stop();
    this.#options = options;
    this.#input = this.#create();
    await this.start();
  }
}

/** Lines of text that tell where they come from: `NAME line FROM` and on, up to and without `to`. */
export const numbered = (name: string, from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `${name} line ${from + index}\n`).join('');

export const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);

/** @param isWatching true has the watcher on beside the scan. */
export async function follow(t: Test, options: Options = {}, isWatching = false): Promise<Followed> {
  const followed = new Followed(await tempDir(t), options, isWatching);
  t.teardown(() => followed.stop());
  return followed;
}
