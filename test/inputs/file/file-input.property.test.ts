/**
 * The real input against a small model, over random histories of log files: every line exactly once, whatever is renamed, packed,
 * truncated, deleted, remade, relinked, restarted or killed, whether the watcher is there, falls silent or is not there at all (F21).
 */
import assert from 'node:assert/strict';
import {
  appendFile,
  copyFile,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { watch } from 'chokidar';
import fc from 'fast-check';
import { test } from 'tap';
import { FileInput } from '../../../src/inputs/file/file-input.ts';
import { fileOptions } from '../../../src/inputs/file/options.ts';
import { RecordingContext } from '../recording-context.ts';

const weights = {
  append: 6,
  appendPart: 2,
  look: 5,
  rotate: 2,
  pack: 1,
  packSlowly: 1,
  rotateUnseen: 1,
  copyTruncate: 1,
  delete: 1,
  recreate: 1,
  renameOver: 1,
  relink: 1,
  restart: 2,
  kill: 2,
  rotateWhileStopped: 1,
  clockJump: 1,
  mute: 1,
} as const;
type Action = keyof typeof weights;
interface Step {
  readonly do: Action;
  readonly lines: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.oneof(
    ...Object.entries(weights).map(([action, weight]) => ({
      weight,
      arbitrary: fc.constant(action as Action),
    })),
  ),
  lines: fc.integer({ min: 1, max: 50 }),
});

/** chokidar, whose events arrive or do not. */
class Ears {
  isMute = false;

  readonly watch: typeof watch = (paths, options) => {
    const watcher = watch(paths, options);
    const emit = watcher.emit.bind(watcher) as (...event: unknown[]) => boolean;
    watcher.emit = (...event: unknown[]) => !this.isMute && emit(...event);
    return watcher;
  };
}

/** A directory with a log file that rotates and a link that is switched, and what was written to them. */
class World {
  readonly written: string[] = [];
  /** Lines that never got their newline: stored once or, when a kill took the only descriptor, not at all. */
  readonly partial: string[] = [];
  readonly #path: string;
  readonly #link: string;
  readonly #directory: string;
  readonly #withRotated: boolean;
  readonly #ears: Ears | null;
  #context = new RecordingContext();
  #input: FileInput;
  #unfinished = '';
  #rotations = 0;
  #links = 0;
  #number = 0;

  constructor(directory: string, withRotated: boolean, isWatching: boolean) {
    this.#directory = directory;
    this.#withRotated = withRotated;
    this.#ears = isWatching ? new Ears() : null;
    this.#path = join(directory, 'app.log');
    this.#link = join(directory, 'current.log');
    this.#input = this.#create();
  }

  get seen(): readonly string[] {
    return this.#context.texts;
  }

  #create(): FileInput {
    const include = [this.#withRotated ? `${this.#path}*` : this.#path, this.#link];
    return new FileInput(
      fileOptions.parse({
        include,
        exclude: ['*.copy', '*.draft'],
        rotate_wait: '1s',
      }),
      this.#context,
      this.#ears?.watch ?? null,
    );
  }

  async start(): Promise<void> {
    await this.#input.start();
    await this.#input.drained();
  }

  async play(action: Action, lines: number): Promise<void> {
    await this[action](lines);
  }

  async append(count: number): Promise<void> {
    await this.#finishLine();
    const lines = Array.from({ length: count }, () => `line ${this.#number++} ${'.'.repeat(this.#number % 97)}`);
    await appendFile(this.#path, `${lines.join('\n')}\n`);
    this.written.push(...lines);
  }

  async appendPart(): Promise<void> {
    const part = this.#unfinished === '' ? `part ${this.#number++} ` : 'and more ';
    await appendFile(this.#path, part);
    this.#unfinished += part;
  }

  async look(): Promise<void> {
    await this.#input.scan();
    await this.#input.drained();
  }

  async rotate(): Promise<void> {
    await this.#finishLine();
    await this.look(); // nobody can know of a file that comes and goes before the first look at its path
    await rename(this.#path, `${this.#path}.${++this.#rotations}`).catch(() => this.#rotations--);
  }

  async pack(): Promise<void> {
    await this.look();
    await this.#pack();
  }

  /** The packed file grows beside the original, under the eyes of the scan. */
  async packSlowly(count: number): Promise<void> {
    await this.look();
    const name = `${this.#path}.${this.#rotations}`;
    const bytes = await readFile(name).catch(() => null);
    if (bytes === null) return;
    const packed = gzipSync(bytes);
    await writeFile(`${name}.gz`, packed.subarray(0, Math.floor((packed.length * count) / 50)));
    await this.look();
    await this.#pack();
    if (count % 2 === 0) await this.look();
  }

  /** A file that comes and goes between two looks, behind one that has been seen; packed at once, or not. */
  async rotateUnseen(count: number): Promise<void> {
    await this.append(1);
    await this.rotate();
    await this.append(count);
    await rename(this.#path, `${this.#path}.${++this.#rotations}`);
    // Where the rotated names are not followed, a short file may be a copy in the making: it is read once it has stood still.
    if (count % 2 === 0) await this.#pack();
    await this.look();
    this.#context.clock.advance(6000);
    await this.look();
  }

  /** What is unread when a file is truncated may be lost to everyone; that has tests of its own. */
  async copyTruncate(): Promise<void> {
    await this.#finishLine();
    await this.look();
    await copyFile(this.#path, `${this.#path}.copy`).catch(() => undefined);
    await truncate(this.#path).catch(() => undefined);
    await this.look();
  }

  async delete(): Promise<void> {
    await this.look();
    this.#leaveUnfinished();
    await unlink(this.#path).catch(() => undefined);
  }

  async recreate(count: number): Promise<void> {
    await this.delete();
    await this.append(count);
  }

  async renameOver(count: number): Promise<void> {
    await this.look();
    this.#leaveUnfinished();
    const lines = Array.from({ length: count }, () => `over ${this.#number++}`);
    await writeFile(`${this.#path}.draft`, `${lines.join('\n')}\n`);
    await rename(`${this.#path}.draft`, this.#path);
    this.written.push(...lines);
  }

  async relink(): Promise<void> {
    await this.look();
    const target = join(this.#directory, `release-${++this.#links}`);
    const line = `linked ${this.#number++}`;
    await writeFile(target, `${line}\n`);
    await symlink(target, `${this.#link}.draft`);
    await rename(`${this.#link}.draft`, this.#link);
    this.written.push(line);
  }

  async restart(): Promise<void> {
    await this.#input.stop();
    this.#input = this.#create();
    await this.start();
  }

  async kill(): Promise<void> {
    const killed = this.#input;
    this.#context = this.#context.kill();
    await killed.stop(); // nothing of it reaches the store any more
    this.#input = this.#create();
    await this.start();
  }

  async rotateWhileStopped(count: number): Promise<void> {
    await this.append(1);
    await this.look();
    await this.#input.stop();
    await this.append(count);
    await rename(this.#path, `${this.#path}.${++this.#rotations}`);
    if (count % 2 === 0) await this.#pack();
    this.#input = this.#create();
    await this.start();
  }

  async clockJump(count: number): Promise<void> {
    this.#context.clock.setWallClock(new Date(1.7e12 + count * 1e9).toISOString());
    if (count % 3 === 0) this.#context.clock.advance(2000);
    await this.look();
  }

  /** From now on its events are lost, or heard again. */
  async mute(): Promise<void> {
    if (this.#ears !== null) this.#ears.isMute = !this.#ears.isMute;
  }

  async end(): Promise<void> {
    await this.#finishLine();
    await this.look();
    this.#context.clock.advance(2000);
    await this.look();
    await this.look();
    await this.#input.stop();
  }

  /** The program closes its line, if it has begun one. */
  async #finishLine(): Promise<void> {
    if (this.#unfinished === '') return;
    await appendFile(this.#path, '\n');
    this.written.push(this.#unfinished);
    this.#unfinished = '';
  }

  #leaveUnfinished(): void {
    if (this.#unfinished !== '') this.partial.push(this.#unfinished);
    this.#unfinished = '';
  }

  async #pack(): Promise<void> {
    const name = `${this.#path}.${this.#rotations}`;
    const bytes = await readFile(name).catch(() => null);
    if (bytes === null) return;
    const { atime, mtime } = await stat(name);
    await writeFile(`${name}.gz`, gzipSync(bytes));
    await utimes(`${name}.gz`, atime, mtime);
    await unlink(name);
  }
}

for (const withRotated of [true, false]) {
  const globs = withRotated ? 'followed too' : 'not followed';
  void test(`random histories, rotated names ${globs}: every line exactly once`, { timeout: 110_000 }, async (t) => {
    const seed = Number(process.env['REGRESSION_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    t.comment(`seed ${seed}: REGRESSION_SEED=${seed} plays it again`);
    let played = 0;
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(step, { minLength: 5, maxLength: 40 }), async (isWatching, steps) => {
        const directory = await mkdtemp(join(tmpdir(), 'regression-model-'));
        const world = new World(directory, withRotated, isWatching);
        await world.start();
        for (const { do: action, lines } of steps) await world.play(action, lines);
        await world.end();
        await rm(directory, { recursive: true });
        played += steps.length;
        const partial = new Set(world.partial);
        assert.deepEqual(world.seen.filter((text) => !partial.has(text)).toSorted(), world.written.toSorted());
        assert.equal(new Set(world.seen).size, world.seen.length, 'a line twice');
      }),
      {
        numRuns: Number(process.env['REGRESSION_RUNS'] ?? 150),
        seed,
        interruptAfterTimeLimit: 22_000,
        markInterruptAsFailure: false,
      },
    );
    t.comment(`${played} steps`);
    t.pass();
  });
}
