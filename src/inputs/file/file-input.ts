/**
 * Follows the files that globs name, through everything that happens to log files. READ FIRST in this folder.
 *
 * A scan is the truth: it matches followed files with paths by device and inode and so sees new, renamed, replaced and removed
 * files. A path whose inode changed is a new file; the old one stays open under its descriptor until it is read to its end and
 * quiet. Events of the watcher only make a look happen sooner.
 *
 * The scan never waits for the pipeline: whatever writes to a stream is done by the reading loop (reading-loop.ts). What a file is
 * that nobody follows is decided in encounters.ts, what becomes of files that lost their path in rotations.ts.
 */
import { open, stat as statPath } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import type { Gap } from '../../record/batch.ts';
import { messageOf, systemCodeOf } from '../../runtime/errors.ts';
import type { FilesStatus, Input, InputContext, InputKind } from '../input.ts';
import { Encounters, type Sighting } from './encounters.ts';
import { FileWork, placeOf } from './file-work.ts';
import { isAnotherLife } from './fingerprint.ts';
import { type Followed, statusOf } from './followed-files.ts';
import { FileGlobs } from './glob.ts';
import { inodeKey } from './known-generations.ts';
import { type FileOptions, fileOptions } from './options.ts';
import { PathWatcher } from './path-watcher.ts';
import { isRotatedName } from './rotated-names.ts';
import { Rotations } from './rotations.ts';

export const file: InputKind<typeof fileOptions> = {
  options: fileOptions,
  create: (options, context) => new FileInput(options, context),
};

/** How long a stop may take to read what is left of deleted files, all together. */
const lastReadMs = 1000;
/** Stats under way at once during a scan. */
const statsAtOnce = 32;
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
  readonly #encounters: Encounters;
  readonly #rotations: Rotations;
  #scanMs = 0;
  #scanning: Promise<void> | null = null;
  #isScanWanted = false;
  #isScanPlanned = false;
  #looping: Promise<void> | null = null;

  /** @param isWatching false leaves the work to the scan alone: for tests, and what a mute watcher comes to. */
  constructor(options: FileOptions, context: InputContext, isWatching = true) {
    const { signal } = this.#stopped;
    this.#options = options;
    this.#context = context;
    this.#globs = new FileGlobs(options.include, options.exclude);
    this.#work = new FileWork(options, context, (followed) => this.#readChunk(followed), signal);
    this.#encounters = new Encounters(this.#work);
    this.#rotations = new Rotations(this.#work, this.#globs, this.#encounters, signal);
    const hints = { onChange: (path: string) => this.#lookSoon(path), onRename: () => this.#scanSoon() };
    this.#watcher = isWatching
      ? new PathWatcher(
          this.#globs.baseDirectories(),
          (directory) => this.#globs.mayContain(directory),
          hints,
          context.logger,
        )
      : null;
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
    };
  }

  async start(): Promise<void> {
    const positions = await this.#context.knownPositions();
    this.#work.startFrom(positions);
    this.#encounters.startFrom(positions);
    await this.scan();
    this.#rotations.beginScan();
    await this.#rotations.findLost();
    this.#looping = this.#scanLoop();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#watcher?.close();
    await this.#looping;
    await this.#scanning;
    await this.#work.loop.drained();
    await this.#rotations.settled();
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
        const startedAtMs = this.#context.clock.monotonicMs();
        await this.#scanOnce();
        this.#scanMs = this.#context.clock.monotonicMs() - startedAtMs;
      }
    })().finally(() => {
      this.#scanning = null;
    });
    return this.#scanning;
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

  /** Resolves when every file that was known to have more has been read to its end. */
  async drained(): Promise<void> {
    await this.#work.loop.drained();
    await this.#rotations.settled();
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

  async #scanOnce(): Promise<void> {
    this.#watcher?.watchExisting();
    this.#rotations.beginScan();
    const { paths, problems } = await this.#globs.find();
    for (const { path, error } of problems) this.#work.report(path, `cannot read directory ${path}`, error);
    const seen = new Map<string, Sighting>();
    for (const sighting of await this.#sight(paths)) {
      if (!seen.has(sighting.key)) seen.set(sighting.key, sighting); // two names of one file: read once, under the first
    }
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
      if (sighting === undefined || unknown.has(sighting)) await this.#lookAtRotated(followed);
      else if (followed.renamedAtMs !== null) await this.#lookAtRenamed(followed);
    }
    const others = await this.#encounters.meetKnown([...unknown]);
    await this.#encounters.meetOthers(others);
    this.#encounters.endScan(new Set(seen.keys()));
    this.#context.metrics.filesFollowed.set(this.#work.followed.size);
  }

  async #sight(paths: readonly string[]): Promise<readonly Sighting[]> {
    const sightings: Sighting[] = [];
    for (let from = 0; from < paths.length && !this.#stopped.signal.aborted; from += statsAtOnce) {
      const some = paths.slice(from, from + statsAtOnce);
      sightings.push(...(await Promise.all(some.map((path) => this.#sightOne(path)))).flat());
    }
    return sightings;
  }

  async #sightOne(path: string): Promise<Sighting[]> {
    try {
      const stat = await statPath(path, { bigint: true });
      if (stat.isFile()) return [{ path, key: inodeKey(stat), stat }];
      if (stat.isDirectory()) this.#work.report(path, `${path} is a directory, not a file`);
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') this.#work.report(path, `cannot read ${path}`, error);
    }
    return [];
  }

  #lookAgain(followed: Followed, { path, stat }: Sighting): void {
    const { tail } = followed;
    followed.rotatedAtMs = null;
    followed.isDeleted = false;
    this.#work.followed.seenAt(path, followed);
    if (tail.position.path !== path) {
      if (isRotatedName(path, tail.position.path) || this.#work.isRotatedHere(path))
        followed.renamedAtMs = this.#context.clock.monotonicMs();
      tail.moveTo({ path });
      this.#work.loop.wake(followed);
    }
    this.#wakeIfChanged(followed, stat);
  }

  /** Renamed within the globs and quiet: it has ended, its unfinished last line too. It stays known, and is met again if it grows. */
  async #lookAtRenamed(followed: Followed): Promise<void> {
    const nowMs = this.#context.clock.monotonicMs();
    const { renamedAtMs, lastReadAtMs } = followed;
    const quietSinceMs = Math.max(renamedAtMs ?? nowMs, lastReadAtMs);
    if (nowMs - quietSinceMs < this.#options.rotate_wait || this.#work.loop.isReady(followed)) return;
    followed.renamedAtMs = null;
    this.#end(followed, 'finish');
  }

  /** Not under any path of the globs any more: renamed away, replaced or deleted. It is read on through its descriptor. */
  async #lookAtRotated(followed: Followed): Promise<void> {
    const { tail } = followed;
    if (followed.ending === 'drop') return;
    const nowMs = this.#context.clock.monotonicMs();
    const lastWrittenNs = followed.mtimeNs;
    followed.rotatedAtMs ??= nowMs;
    const stat = await tail.stat();
    if (stat === null) return this.#rotations.closedAndGone(followed);
    await this.#rotations.readSuccessors(tail.position, lastWrittenNs);
    followed.isDeleted = stat.nlink === 0n;
    this.#wakeIfChanged(followed, stat);
    if (this.#isHeldTooLong(followed, nowMs)) {
      this.#end(followed, 'drop');
      return tail.detach(); // its disk space is free from now on, whenever the store takes the gap
    }
    if (this.#work.loop.isReady(followed)) return;
    const quietSinceMs = Math.max(followed.rotatedAtMs, followed.lastReadAtMs);
    if (nowMs - quietSinceMs >= this.#options.rotate_wait) this.#end(followed, 'finish');
  }

  /** Unread bytes of deleted files take disk space that nobody else can free. */
  #isHeldTooLong(followed: Followed, nowMs: number): boolean {
    const { deleted_hold_time, deleted_hold_bytes } = this.#options;
    const isUnread = Number(followed.size) > followed.tail.readOffset;
    if (!followed.isDeleted || !isUnread) return false;
    if (nowMs - (followed.rotatedAtMs ?? nowMs) > deleted_hold_time) return true;
    const deleted = [...this.#work.followed].filter(({ isDeleted, ending }) => isDeleted && ending !== 'drop');
    const heldBytes = deleted.reduce((sum, { size, tail }) => sum + Number(size) - tail.readOffset, 0);
    const oldest = deleted.toSorted((a, b) => (a.rotatedAtMs ?? 0) - (b.rotatedAtMs ?? 0))[0];
    return heldBytes > deleted_hold_bytes && oldest === followed;
  }

  #end(followed: Followed, how: 'finish' | 'drop'): void {
    followed.ending = how;
    this.#work.loop.wake(followed);
  }

  #lookSoon(path: string): void {
    const followed = this.#work.followed.at(path);
    if (followed === undefined) this.#scanSoon();
    else this.#work.loop.wake(followed);
  }

  #wakeIfChanged(followed: Followed, { size, mtimeNs, ctimeNs }: BigIntStats): void {
    const isRead = size === BigInt(followed.tail.readOffset);
    if (size === followed.size && mtimeNs === followed.mtimeNs && ctimeNs === followed.ctimeNs && isRead) return;
    // How long it was when it was longest is what a truncation may have taken.
    followed.size = size < BigInt(followed.tail.readOffset) ? followed.size : size;
    followed.mtimeNs = mtimeNs;
    followed.ctimeNs = ctimeNs;
    this.#work.loop.wake(followed);
  }

  /** True when the file may have more at once. */
  async #readChunk(followed: Followed): Promise<boolean> {
    const { tail } = followed;
    if (this.#work.followed.get(followed.key) !== followed) return false;
    try {
      if (followed.ending === 'drop') return await this.#drop(followed);
      if (!tail.isAttached && !(await this.#reopen(followed))) return false;
      const before = tail.readOffset;
      const outcome = await tail.read();
      this.#work.openFiles.used(tail);
      followed.lastError = null;
      if (BigInt(tail.readOffset) > followed.size) followed.size = BigInt(tail.readOffset);
      if (tail.readOffset !== before) {
        followed.lastReadAtMs = this.#context.clock.monotonicMs();
        if (followed.ending === 'finish') followed.ending = null; // it was not quiet after all
      }
      if (outcome === 'truncated') await this.#rotations.truncated(followed);
      else if (outcome === 'end' && followed.ending === 'finish') await this.#work.finish(followed);
      else if (outcome === 'end' && tail.isMoved) await tail.writePosition();
      return outcome === 'more';
    } catch (error) {
      followed.mtimeNs = -1n; // the next scan tries again
      followed.lastError = messageOf(error);
      this.#work.report(tail.position.path, `cannot read ${tail.position.path}`, error);
      return false;
    }
  }

  /** @returns false when the file is no longer where it was: the scan looks for it. */
  async #reopen(followed: Followed): Promise<boolean> {
    const { position } = followed.tail;
    const handle = await open(placeOf(position)).catch((error: unknown) => {
      if (systemCodeOf(error) === 'ENOENT') return null;
      throw error;
    });
    if (handle === null) return false;
    const stat = await handle.stat({ bigint: true });
    if (inodeKey(stat) !== followed.key || isAnotherLife(stat, position.evidence)) {
      await handle.close();
      return false;
    }
    await this.#work.attach(followed, handle);
    return true;
  }

  async #drop(followed: Followed): Promise<boolean> {
    const { tail, size } = followed;
    const { generation, path } = tail.position;
    const gap: Gap = {
      generation,
      path,
      startOffset: tail.readOffset,
      endOffset: Number(size),
      reason: 'deleted',
    };
    this.#context.logger.warn(
      { path, bytes: Number(size) - tail.readOffset },
      'a deleted file was held too long; the rest is dropped',
    );
    await this.#work.finish(followed, [gap]);
    return false;
  }
}
