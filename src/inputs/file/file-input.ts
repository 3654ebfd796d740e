/**
 * Follows the files that globs name, through everything that happens to log files.
 *
 * A scan is the truth: it matches open files with paths by device and inode and so sees new, renamed, replaced and removed
 * files. A path whose inode changed is a new file; the old one stays open under its descriptor until it is read to its end and
 * quiet. Events of the watcher only make a look happen sooner.
 *
 * Reading is one loop over the files that may have more, a chunk each in turn, so that a busy file does not starve the others.
 */
import { randomUUID } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, readdir, stat as statPath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FilePosition } from '../../record/batch.ts';
import { messageOf, systemCodeOf } from '../../runtime/errors.ts';
import type { Input, InputContext, InputKind } from '../input.ts';
import { applicationHintOf } from './application-hint.ts';
import { fingerprintOf, refusalOf } from './fingerprint.ts';
import { FileGlobs } from './glob.ts';
import { KnownGenerations, inodeKey } from './known-generations.ts';
import { type FileOptions, fileOptions } from './options.ts';
import { PathWatcher } from './path-watcher.ts';
import { Tail } from './tail.ts';

export const file: InputKind<typeof fileOptions> = {
  options: fileOptions,
  create: (options, context) => new FileInput(options, context),
};

/** How long a stop may take to read what is left of deleted files. */
const lastReadMs = 1000;

interface Followed {
  readonly tail: Tail;
  /** Since when the file is in no path of the globs any more; null while it is. */
  rotatedAtMs: number | null;
  lastReadAtMs: number;
  size: bigint;
  mtimeNs: bigint;
}

export class FileInput implements Input {
  readonly name = 'file';
  readonly #options: FileOptions;
  readonly #context: InputContext;
  readonly #globs: FileGlobs;
  readonly #watcher: PathWatcher | null;
  readonly #stopped = new AbortController();
  readonly #chunk = Tail.makeChunk();
  readonly #followed = new Map<string, Followed>();
  /** Inode keys of the files that may have more to read, in turn. */
  readonly #ready = new Set<string>();
  readonly #reported = new Set<string>();
  #known = new KnownGenerations([]);
  #isFirstScan = true;
  #scanning: Promise<void> | null = null;
  #isScanWanted = false;
  #reading: Promise<void> | null = null;
  #looping: Promise<void> | null = null;

  /** @param isWatching false leaves the work to the scan alone: for tests, and what a mute watcher comes to. */
  constructor(options: FileOptions, context: InputContext, isWatching = true) {
    this.#options = options;
    this.#context = context;
    this.#globs = new FileGlobs(options.include, options.exclude);
    const hints = { onChange: (path: string) => this.#wakePath(path), onRename: () => void this.scan() };
    this.#watcher = isWatching ? new PathWatcher(this.#globs.baseDirectories(), hints, context.logger) : null;
  }

  describe(): string {
    const count = [...this.#followed.values()].filter(({ rotatedAtMs }) => rotatedAtMs === null).length;
    return `${count} file${count === 1 ? '' : 's'} of ${this.#options.include.join(' ')}`;
  }

  async start(): Promise<void> {
    this.#known = new KnownGenerations(await this.#context.knownPositions());
    await this.scan();
    await this.#findRenamedWhileStopped();
    this.#isFirstScan = false;
    this.#looping = this.#scanLoop();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#watcher?.close();
    await this.#looping;
    await this.#scanning;
    await this.#reading;
    for (const { tail } of this.#followed.values()) await this.#letGo(tail);
    this.#followed.clear();
  }

  /** A deleted file cannot be opened again at the next start: what is left of it is read now or never. */
  async #letGo(tail: Tail): Promise<void> {
    const { clock } = this.#context;
    const deadlineMs = clock.monotonicMs() + lastReadMs;
    try {
      if ((await tail.stat()).nlink > 0n) return await tail.close();
      while ((await tail.read()) === 'more') if (clock.monotonicMs() > deadlineMs) return await tail.close();
      await tail.finish();
    } catch (error) {
      this.#report(tail.position.path, `cannot read ${tail.position.path}`, error);
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
    while (this.#reading !== null) await this.#reading;
  }

  async #scanLoop(): Promise<void> {
    const { clock } = this.#context;
    while (!this.#stopped.signal.aborted) {
      await clock.delay(this.#options.scan_interval, this.#stopped.signal);
      if (!this.#stopped.signal.aborted) await this.scan();
    }
  }

  async #scanOnce(): Promise<void> {
    this.#watcher?.watchExisting();
    const { paths, problems } = await this.#globs.find();
    for (const { path, error } of problems) this.#report(path, `cannot read directory ${path}`, error);
    const seen = new Set<string>();
    for (const path of paths) {
      if (this.#stopped.signal.aborted) return;
      try {
        await this.#lookAt(path, seen);
      } catch (error) {
        if (systemCodeOf(error) !== 'ENOENT') this.#report(path, `cannot read ${path}`, error);
      }
    }
    for (const [key, followed] of this.#followed) {
      if (!seen.has(key)) await this.#lookAtRotated(key, followed);
    }
    this.#context.metrics.filesFollowed.set(this.#followed.size);
  }

  async #lookAt(path: string, seen: Set<string>): Promise<void> {
    if (this.#isOwn(path)) return;
    const stat = await statPath(path, { bigint: true });
    if (!stat.isFile()) {
      if (stat.isDirectory()) this.#report(path, `${path} is a directory, not a file`);
      return;
    }
    const key = inodeKey(stat);
    if (seen.has(key)) return; // two names of one file: read once, under the first
    seen.add(key);
    const followed = this.#followed.get(key);
    if (followed === undefined) {
      await this.#follow(path, key);
      return;
    }
    followed.rotatedAtMs = null;
    if (followed.tail.position.path !== path) await followed.tail.rename(path);
    this.#wakeIfChanged(key, followed, stat);
  }

  /** Begins to read a file, where the store stopped if it knows the content (which `new` content is not, whatever it looks like). */
  async #follow(path: string, key: string, state: 'found' | 'rotated' | 'new' = 'found'): Promise<void> {
    const handle = await open(path);
    try {
      const stat = await handle.stat({ bigint: true });
      const known = state === 'new' ? null : await this.#known.claim(handle, stat);
      if (state === 'rotated' && known === null) {
        await handle.close(); // the inode has gone to another file
        return;
      }
      const { head, ...fingerprint } = await fingerprintOf(handle, this.#options.fingerprint_bytes);
      const refusal = refusalOf(head);
      if (refusal !== null && known === null) {
        this.#report(path, `${path} is not followed: ${refusal}`);
        this.#context.metrics.inputErrors.inc({ input: this.name, code: 'not_text' });
        await handle.close();
        return;
      }
      const position: FilePosition =
        known === null ? this.#newGeneration(path, stat, fingerprint) : { ...known, path, isEnded: false };
      const tail = this.#add(key, handle, position, state === 'rotated');
      if (known === null && position.offset > 0) await tail.rename(path); // `from: end` must be remembered from the start
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  #newGeneration(
    path: string,
    stat: BigIntStats,
    fingerprint: { fingerprint: string; fingerprintBytes: number },
  ): FilePosition {
    const isSkipped = this.#isFirstScan && this.#options.from === 'end';
    return {
      generation: randomUUID(),
      path,
      device: String(stat.dev),
      inode: String(stat.ino),
      ...fingerprint,
      offset: isSkipped ? Number(stat.size) : 0,
      isEnded: false,
    };
  }

  #add(key: string, handle: FileHandle, position: FilePosition, isRotated: boolean): Tail {
    const { metrics, clock } = this.#context;
    const input = this.name;
    const tail = new Tail(
      {
        file: handle,
        stream: this.#context.open({
          source: position.path,
          format: this.#options.format,
          pattern: this.#options.pattern,
          multiline: this.#options.multiline,
          timezone: this.#options.timezone,
          application: this.#options.application,
          applicationHint: applicationHintOf(position.path),
        }),
        position,
        maxLineBytes: this.#options.max_line_bytes,
        fingerprintBytes: this.#options.fingerprint_bytes,
        onRead: ({ lines, bytes, emptyLines, truncatedLines }) => {
          metrics.linesRead.inc({ input }, lines);
          metrics.bytesRead.inc({ input }, bytes);
          if (emptyLines > 0) metrics.dropped.inc({ input, reason: 'empty_line' }, emptyLines);
          if (truncatedLines > 0) metrics.truncatedLines.inc({ input }, truncatedLines);
        },
      },
      this.#chunk,
    );
    const nowMs = clock.monotonicMs();
    this.#followed.set(key, {
      tail,
      rotatedAtMs: isRotated ? nowMs : null,
      lastReadAtMs: nowMs,
      size: -1n,
      mtimeNs: -1n,
    });
    this.#wake(key);
    return tail;
  }

  /** Not under any path of the globs any more: renamed away, replaced or deleted. It is read on through its descriptor. */
  async #lookAtRotated(key: string, followed: Followed): Promise<void> {
    const nowMs = this.#context.clock.monotonicMs();
    followed.rotatedAtMs ??= nowMs;
    const stat = await followed.tail.stat();
    this.#wakeIfChanged(key, followed, stat);
    if (this.#ready.has(key)) return;
    const quietSinceMs = Math.max(followed.rotatedAtMs, followed.lastReadAtMs);
    if (nowMs - quietSinceMs < this.#options.rotate_wait) return;
    this.#followed.delete(key);
    await followed.tail.finish();
  }

  /**
   * `mv app.log app.log.1` while the daemon was down, and the globs do not match the new name: the rest of the file is found by
   * its inode in the directory it was in.
   */
  async #findRenamedWhileStopped(): Promise<void> {
    for (const position of this.#known.unclaimed()) {
      if (this.#isFollowed(position)) continue;
      const key = `${position.device}:${position.inode}`;
      const path = this.#followed.has(key) ? null : await this.#findByInode(position);
      if (path !== null) {
        await this.#follow(path, key, 'rotated').catch((error: unknown) =>
          this.#report(path, `cannot read ${path}`, error),
        );
      }
      if (this.#isFollowed(position)) continue;
      this.#known.forget(position);
      this.#context.logger.warn(
        { path: position.path, offset: position.offset },
        'a followed file is gone since the last run; what was not read of it is lost',
      );
      await this.#writeLost(position);
    }
  }

  #isFollowed({ generation }: FilePosition): boolean {
    return [...this.#followed.values()].some(({ tail }) => tail.position.generation === generation);
  }

  async #findByInode({ path, device, inode }: FilePosition): Promise<string | null> {
    const directory = dirname(path);
    for (const name of await readdir(directory).catch(() => [])) {
      const candidate = join(directory, name);
      const stat = await statPath(candidate, { bigint: true }).catch(() => null);
      if (stat?.isFile() && inodeKey(stat) === `${device}:${inode}`) return candidate;
    }
    return null;
  }

  async #writeLost(position: FilePosition): Promise<void> {
    const { generation, path, offset } = position;
    const stream = this.#context.open({ source: path, format: 'plain', applicationHint: applicationHintOf(path) });
    const gap = { generation, path, startOffset: offset, endOffset: null, reason: 'deleted' } as const;
    await stream.write({ lines: [], position: { ...position, isEnded: true }, gaps: [gap] });
  }

  #wakePath(path: string): void {
    for (const [key, { tail }] of this.#followed) {
      if (tail.position.path === path) return this.#wake(key);
    }
    void this.scan();
  }

  #wakeIfChanged(key: string, followed: Followed, { size, mtimeNs }: BigIntStats): void {
    if (size === followed.size && mtimeNs === followed.mtimeNs) return;
    followed.size = size;
    followed.mtimeNs = mtimeNs;
    this.#wake(key);
  }

  #wake(key: string): void {
    this.#ready.add(key);
    this.#reading ??= this.#readInTurn().finally(() => {
      this.#reading = null;
    });
  }

  async #readInTurn(): Promise<void> {
    await Promise.resolve(); // `#reading` is set before the first file is read
    // A set is walked in the order of insertion, what is added meanwhile included: a file that has more goes behind the others.
    for (const key of this.#ready) {
      if (this.#stopped.signal.aborted) return;
      this.#ready.delete(key);
      const followed = this.#followed.get(key);
      if (followed !== undefined && (await this.#readChunk(key, followed))) this.#ready.add(key);
    }
  }

  /** True when the file may have more at once. */
  async #readChunk(key: string, followed: Followed): Promise<boolean> {
    const { tail } = followed;
    const before = tail.readOffset;
    try {
      const outcome = await tail.read();
      if (tail.readOffset !== before) followed.lastReadAtMs = this.#context.clock.monotonicMs();
      if (outcome === 'truncated') await this.#restart(key, followed);
      return outcome === 'more';
    } catch (error) {
      followed.mtimeNs = -1n; // the next scan tries again
      this.#report(tail.position.path, `cannot read ${tail.position.path}`, error);
      return false;
    }
  }

  /** The content was replaced in place: what was unread of the old is lost and said, the new is read from its beginning. */
  async #restart(key: string, followed: Followed): Promise<void> {
    const { position } = followed.tail;
    const { generation, path } = position;
    const lastSize = Number(followed.size);
    const startOffset = followed.tail.readOffset;
    const isLossKnown = lastSize > startOffset;
    this.#context.logger.info(
      { path, offset: startOffset },
      'a followed file was truncated; it is read from its beginning',
    );
    this.#followed.delete(key);
    await followed.tail.finish(
      isLossKnown ? [{ generation, path, startOffset, endOffset: lastSize, reason: 'truncated' }] : [],
    );
    await this.#follow(path, key, 'new').catch((error: unknown) => this.#report(path, `cannot read ${path}`, error));
  }

  #isOwn(path: string): boolean {
    const isOwn = this.#context.ownPaths.some((own) => path === own || path.startsWith(`${own}/`));
    if (isOwn) this.#report(path, `${path} is not followed: it is the daemon's own`);
    return isOwn;
  }

  /** Once a path and problem: a scan comes every second. */
  #report(path: string, message: string, error?: unknown): void {
    const code = systemCodeOf(error) ?? 'other';
    if (error !== undefined) this.#context.metrics.inputErrors.inc({ input: this.name, code });
    const key = `${path} ${message} ${code}`;
    if (this.#reported.has(key)) return;
    if (this.#reported.size > 10_000) this.#reported.clear();
    this.#reported.add(key);
    this.#context.logger.warn({ input: this.name }, error === undefined ? message : `${message} (${messageOf(error)})`);
  }
}
