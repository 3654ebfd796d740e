/** A directory of logs that is followed by the real input, looked at when the test says so. */
import { appendFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { FileInput } from '../../../src/inputs/file/file-input.ts';
import { type FileOptions, fileOptions } from '../../../src/inputs/file/options.ts';
import { tempDir } from '../../temp-dir.ts';
import { RecordingContext } from '../recording-context.ts';

export type Options = Partial<Record<keyof FileOptions, unknown>>;

export class Followed {
  readonly directory: string;
  readonly context: RecordingContext;
  #options: Options;
  #input: FileInput;

  constructor(directory: string, options: Options, context = new RecordingContext()) {
    this.directory = directory;
    this.context = context;
    this.#options = options;
    this.#input = this.#create();
  }

  #create(): FileInput {
    const include = [join(this.directory, '*.log')];
    return new FileInput(fileOptions.parse({ include, ...this.#options }), this.context, false);
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

  async move(from: string, to: string): Promise<void> {
    await rename(this.path(from), this.path(to));
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

export async function follow(t: Test, options: Options = {}): Promise<Followed> {
  const followed = new Followed(await tempDir(t), options);
  t.teardown(() => followed.stop());
  return followed;
}
