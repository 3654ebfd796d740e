/**
 * Follows the files that globs name, through everything that happens to log files. READ FIRST in this folder.
 *
 * A scan is the truth: it matches followed files with paths by device and inode and so sees new, renamed, replaced and removed
 * files. A path whose inode changed is a new file; the old one stays open under its descriptor until it is read to its end and
 * quiet. Events of the watcher only make a look happen sooner.
 *
 * The scan never waits for the pipeline: whatever writes to a stream is done by the reading loop (reading-loop.ts, chunk-reader.ts).
 * What a file is that nobody follows is decided in encounters.ts; when a file is over in rotated-files.ts; where it goes on in
 * continuations.ts, packed-readings.ts and truncation.ts; what was missed in unseen-files.ts and, at the start, lost-generations.ts.
 * These decisions are made one at a time (one-at-a-time.ts).
 */
import { watch } from 'chokidar';
import type { FilesStatus, Input, InputContext, InputKind } from '../input.ts';
import { isAnotherLife } from './births.ts';
import { ChunkReader } from './chunk-reader.ts';
import { Continuations } from './continuations.ts';
import { Copies } from './copies.ts';
import { Encounters } from './encounters.ts';
import { FileWork } from './file-work.ts';
import { type Followed, statusOf } from './followed-files.ts';
import { FileGlobs } from './glob.ts';
import { LostGenerations } from './lost-generations.ts';
import { OldGenerations } from './old-generations.ts';
import { type FileOptions, fileOptions } from './options.ts';
import { PackedReadings } from './packed-readings.ts';
import { PathWatcher } from './path-watcher.ts';
import { isRotatedName } from './rotated-names.ts';
import { RotatedFiles } from './rotated-files.ts';
import { RotationSearch } from './rotation-search.ts';
import { type Sighting, sightings } from './sightings.ts';
import { Truncation } from './truncation.ts';
import { UnseenFiles } from './unseen-files.ts';

export const file: InputKind<typeof fileOptions> = {
  options: fileOptions,
  create: (options, context) => new FileInput(options, context),
};

/** How long a stop may take to read what is left of deleted files, all together. */
const lastReadMs = 1000;
/** A scan takes at most this part of the time, but comes within `maxScanDelayMs` (or the interval, if that is longer). */
const scanShare = 0.002;
const maxScanDelayMs = 4000;
const longScanMs = 20;

export class FileInput implements Input {
  readonly name = 'file';
  readonly #options: FileOptions;
  readonly #context: InputContext;
  readonly #globs: FileGlobs;
  readonly #watcher: PathWatcher | null;
  readonly #stopped = new AbortController();
  readonly #work: FileWork;
  readonly #copies: Copies;
  readonly #encounters: Encounters;
  readonly #packed: PackedReadings;
  readonly #lost: LostGenerations;
  readonly #unseen: UnseenFiles;
  readonly #rotated: RotatedFiles;
  readonly #old: OldGenerations;
  #scanMs = 0;
  #scanning: Promise<void> | null = null;
  #isScanWanted = false;
  #isScanPlanned = false;
  #looping: Promise<void> | null = null;

  /** @param watchPaths chokidar's; null leaves the work to the scan alone. */
  constructor(options: FileOptions, context: InputContext, watchPaths: typeof watch | null = watch) {
    const { signal } = this.#stopped;
    this.#options = options;
    this.#context = context;
    this.#globs = new FileGlobs(options.include, options.exclude);
    const work = new FileWork(options, context, (followed) => reader.read(followed), signal);
    this.#work = work;
    this.#copies = new Copies(context.clock);
    this.#encounters = new Encounters(work, this.#copies);
    this.#packed = new PackedReadings(work, signal);
    const continuations = new Continuations(work, this.#packed);
    this.#lost = new LostGenerations(work, this.#globs, this.#packed, continuations);
    this.#unseen = new UnseenFiles(work, this.#globs, this.#packed, continuations, this.#copies);
    this.#rotated = new RotatedFiles(work, continuations, this.#unseen);
    this.#old = new OldGenerations(work);
    const truncation = new Truncation(work, this.#encounters, continuations, this.#unseen);
    const reader = new ChunkReader(work, (followed) => truncation.truncated(followed));
    const hints = { onChange: (path: string) => this.#lookSoon(path), onRename: () => this.#scanSoon() };
    this.#watcher =
      watchPaths === null
        ? null
        : new PathWatcher(
            this.#globs.baseDirectories(),
            (directory) => this.#globs.mayContain(directory),
            hints,
            context.logger,
            watchPaths,
          );
  }

  describe(): string {
    const count = [...this.#work.followed].filter(({ rotatedAtMs }) => rotatedAtMs === null).length;
    return `${count} file${count === 1 ? '' : 's'} of ${this.#options.include.join(' ')}`;
  }

  files(): FilesStatus {
    return {
      include: this.#options.include,
      exclude: this.#options.exclude,
      watcher: this.#watcher?.state ?? { kind: 'scanning', reason: 'switched off' },
      scanSeconds: this.#scanMs / 1000,
      openFiles: this.#work.openFiles.count,
      files: [...this.#work.followed].map(statusOf),
      leftOut: this.#work.leftOut.all,
    };
  }

  async start(): Promise<void> {
    const positions = await this.#context.knownPositions();
    this.#work.startFrom(positions);
    this.#encounters.startFrom(positions);
    await this.#scanOnce(() => {
      this.#lost.begin();
      this.#unseen.expectSinceLastRun(positions);
    });
    await this.#lost.settled();
    this.#looping = this.#scanLoop();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#watcher?.close();
    await this.#looping;
    await this.#scanning;
    await this.#work.loop.drained();
    await this.#packed.settled();
    await this.#lost.settled();
    const deadlineMs = this.#context.clock.monotonicMs() + lastReadMs;
    for (const followed of this.#work.followed) await this.#letGo(followed, deadlineMs);
  }

  /** A deleted file cannot be opened again at the next start: what is left of it is read now or never. */
  async #letGo(followed: Followed, deadlineMs: number): Promise<void> {
    const { tail } = followed;
    try {
      const stat = await tail.stat();
      if (stat !== null && stat.nlink === 0n) {
        let outcome = await tail.read();
        while (outcome === 'more' && this.#context.clock.monotonicMs() <= deadlineMs) outcome = await tail.read();
        if (outcome !== 'more') return await this.#work.finish(followed);
      }
      await this.#work.letGo(followed);
    } catch (error) {
      this.#work.report(tail.position.path, `cannot read ${tail.position.path}`, error);
      await tail.detach();
    }
  }

  /** Looks at all paths once more. Calls that come while a scan runs are answered by one more scan behind it. */
  scan(): Promise<void> {
    this.#isScanWanted = true;
    this.#scanning ??= (async () => {
      while (this.#isScanWanted && !this.#stopped.signal.aborted) {
        this.#isScanWanted = false;
        await this.#scanOnce();
      }
    })().finally(() => {
      this.#scanning = null;
    });
    return this.#scanning;
  }

  /** Resolves when every file that was known to have more has been read to its end. */
  async drained(): Promise<void> {
    await this.#work.loop.drained();
    await this.#packed.settled();
    await this.#lost.settled();
    await this.#work.loop.drained();
  }

  async #scanLoop(): Promise<void> {
    const { clock } = this.#context;
    const { scan_interval } = this.#options;
    while (!this.#stopped.signal.aborted) {
      const shareMs = Math.min(this.#scanMs / scanShare, maxScanDelayMs);
      await clock.delay(Math.max(scan_interval, shareMs), this.#stopped.signal);
      if (!this.#stopped.signal.aborted) await this.scan();
    }
  }

  /** Events come as fast as files do: scans that take long are not made for each of them. */
  #scanSoon(): void {
    if (this.#scanMs < longScanMs) return void this.scan();
    if (this.#isScanPlanned) return;
    this.#isScanPlanned = true;
    void this.#context.clock.delay(this.#scanMs, this.#stopped.signal).then(() => {
      this.#isScanPlanned = false;
      return this.scan();
    });
  }

  #lookSoon(path: string): void {
    const followed = this.#work.followed.at(path);
    if (followed === undefined) this.#scanSoon();
    else this.#work.loop.wake(followed);
  }

  /** @param onceMet what is to be known before anything is looked for that is in no path. */
  async #scanOnce(onceMet?: () => void): Promise<void> {
    const startedAtMs = this.#context.clock.monotonicMs();
    this.#watcher?.watchExisting();
    await this.#work.decisions.run(async () => {
      const search = new RotationSearch();
      await this.#meet(await sightings(this.#globs, this.#work, this.#stopped.signal), search);
      onceMet?.();
      await this.#lost.find(search);
      await this.#packed.retry(search);
      await this.#unseen.look(search);
      this.#copies.endScan();
      await this.#old.forgetWhenDue();
    });
    this.#work.leftOut.endScan();
    this.#context.metrics.filesFollowed.set({ input: this.#context.name }, this.#work.followed.size);
    this.#scanMs = this.#context.clock.monotonicMs() - startedAtMs;
  }

  async #meet(seen: ReadonlyMap<string, Sighting>, search: RotationSearch): Promise<void> {
    const unknown = new Set<Sighting>();
    this.#work.followed.forgetPaths();
    for (const sighting of seen.values()) {
      const followed = this.#work.followed.get(sighting.key);
      if (followed === undefined || isAnotherLife(sighting.stat, followed.tail.position.evidence))
        unknown.add(sighting);
      else this.#lookAgain(followed, sighting);
    }
    for (const followed of this.#work.followed) {
      const sighting = seen.get(followed.key);
      if (sighting === undefined || unknown.has(sighting)) await this.#rotated.lookAtRotated(followed, search);
      else if (followed.renamedAtMs !== null) this.#rotated.lookAtRenamed(followed);
    }
    const others = await this.#encounters.meetKnown([...unknown]);
    await this.#encounters.meetOthers(others);
    this.#encounters.endScan(new Set(seen.keys()));
  }

  #lookAgain(followed: Followed, { path, stat }: Sighting): void {
    const { tail } = followed;
    followed.rotatedAtMs = null;
    followed.isDeleted = false;
    this.#work.followed.seenAt(path, followed);
    if (tail.position.path !== path) {
      if (isRotatedName(path, tail.position.path) || this.#work.isRotatedHere(path)) {
        followed.renamedAtMs ??= this.#context.clock.monotonicMs();
        this.#unseen.expectAfter(tail.position, followed.mtimeNs);
      }
      tail.moveTo({ path });
      this.#work.loop.wake(followed);
    }
    this.#rotated.wakeIfChanged(followed, stat);
  }
}
