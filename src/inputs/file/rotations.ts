/**
 * What becomes of generations that have lost their path: truncated under us, renamed out of sight, packed, deleted, while we ran or
 * before. What is left of them is found and read to its end; what cannot be found is a gap.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { FilePosition, Gap, StoredPosition } from '../../record/batch.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { LineStream } from '../input.ts';
import type { Encounters } from './encounters.ts';
import type { FileWork } from './file-work.ts';
import { birthOf, readAt } from './fingerprint.ts';
import type { Followed } from './followed-files.ts';
import type { FileGlobs } from './glob.ts';
import { inodeKey } from './known-generations.ts';
import { packedHead, readPackedRest } from './packed-rest.ts';
import { type Neighbour, RotationSearch, holds } from './rotation-search.ts';

/** A packed file that cannot be read to its end may still be written: it is tried again, this often. */
const packedAttempts = 30;

export class Rotations {
  readonly #work: FileWork;
  readonly #globs: FileGlobs;
  readonly #encounters: Encounters;
  readonly #signal: AbortSignal;
  /** Packed files being read, or read before, by inode and last write. */
  readonly #packed = new Map<string, Promise<void>>();
  #search = new RotationSearch();

  constructor(work: FileWork, globs: FileGlobs, encounters: Encounters, signal: AbortSignal) {
    this.#work = work;
    this.#globs = globs;
    this.#encounters = encounters;
    this.#signal = signal;
  }

  /** Directories are looked at anew from here on. */
  beginScan(): void {
    this.#search = new RotationSearch();
  }

  /** Resolves when no packed file is being read. */
  async settled(): Promise<void> {
    await Promise.all(this.#packed.values());
  }

  /**
   * The content was replaced in place. What was read and is still there goes on; else the rest of the old is looked for in a copy
   * (copytruncate), and what is in none is a gap. The new is read from its beginning.
   */
  truncated(followed: Followed): Promise<void> {
    return this.#work.reserved(followed, () => this.#truncated(followed));
  }

  async #truncated(followed: Followed): Promise<void> {
    const { tail } = followed;
    const { path, generation } = tail.position;
    const stat = await tail.stat();
    const size = Number(stat?.size ?? 0);
    const readOffset = tail.readOffset;
    const lastSize = Number(followed.size);
    const gapFrom = (startOffset: number, endOffset: number | null): Gap[] => [
      { generation, path, startOffset, endOffset, reason: 'truncated' },
    ];
    const known = lastSize > readOffset ? gapFrom(readOffset, lastSize) : [];
    const kept = await tail.keptPrefix(size);
    this.#work.context.logger.info({ path, offset: readOffset, size, kept }, 'a followed file was truncated');
    if (kept > 0) {
      await this.#work.finish(followed, known);
      return this.#encounters.followAnew(path, kept);
    }
    const copy = await new RotationSearch().byContent(tail.identity, ({ stat: { dev, ino } }) =>
      this.#work.followed.isTaken(`${dev}:${ino}`),
    );
    // Something was written around the truncation: then something may have been written between the copy and it.
    const unknown = (from: number): Gap[] => (size > 0 || from > readOffset ? gapFrom(from, null) : []);
    const copySize = Number(copy?.stat.size ?? 0);
    if (copy === null) {
      await this.#work.finish(followed, known.length > 0 ? known : unknown(readOffset));
    } else if (copy.isPacked) {
      await this.#continuePacked(followed, copy);
      if (lastSize > readOffset || size > 0) await tail.writeGaps(gapFrom(Math.max(lastSize, readOffset), null));
    } else if (await this.#continueIn(followed, copy)) {
      const gaps = lastSize > copySize ? gapFrom(copySize, lastSize) : unknown(copySize);
      if (gaps.length > 0) await tail.writeGaps(gaps);
    } else {
      await this.#work.finish(followed, known); // somebody else reads the copy
    }
    await this.#encounters.followAnew(path);
  }

  /**
   * Looks for the file of a followed generation that is in no path any more and not open: under a name out of the globs, or packed.
   * What cannot be found was read to its end, as far as anybody knows.
   */
  async closedAndGone(followed: Followed): Promise<void> {
    const { tail, size } = followed;
    const { generation, path } = tail.position;
    const moved = await this.#search.byInode(tail.position);
    if (moved !== null && !this.#work.followed.isTakenByAnother(inodeKey(moved.stat))) {
      tail.moveTo({ realPath: moved.path });
      this.#work.loop.wake(followed);
      return;
    }
    const copy = await this.#search.byContent(tail.identity, ({ stat }) => this.#work.followed.isTaken(inodeKey(stat)));
    if (copy?.isPacked) return this.#continuePacked(followed, copy);
    if (copy !== null && (await this.#continueIn(followed, copy))) return;
    const unread = Number(size) > tail.readOffset;
    const gap: Gap = {
      generation,
      path,
      startOffset: tail.readOffset,
      endOffset: Number(size),
      reason: 'deleted',
    };
    await this.#work.finish(followed, unread ? [gap] : []);
  }

  /** Files that were at a path and rotated away between two looks, or while we were stopped. */
  async readSuccessors(before: FilePosition, lastWrittenNs: bigint): Promise<void> {
    for (const neighbour of await this.#search.successors(before, lastWrittenNs)) {
      const key = inodeKey(neighbour.stat);
      if (this.#work.followed.isTaken(key) || this.#packed.has(packedKey(neighbour))) continue;
      if (this.#globs.isExcluded(neighbour.path)) continue;
      if (!neighbour.isPacked && this.#globs.matches(neighbour.path)) continue; // the scan meets it
      if (await this.#isKnown(neighbour)) continue;
      await this.#readUnseen(before.path, neighbour).catch((error: unknown) =>
        this.#work.report(neighbour.path, `cannot read ${neighbour.path}`, error),
      );
    }
  }

  /** What the store knows and no scan has met: rotated, packed, truncated or deleted since the last run. */
  async findLost(): Promise<void> {
    for (const position of this.#work.known.unclaimed()) {
      if (!this.#globs.matches(position.path) || this.#isFollowed(position)) continue;
      if (this.#work.followed.isTakenByAnother(`${position.device}:${position.inode}`)) continue; // another input has it
      const lastWrittenNs = await this.#findLost(position);
      await this.readSuccessors(position, lastWrittenNs);
    }
  }

  /** @returns when the generation was last written to, as far as is known: nanoseconds since 1970. */
  async #findLost(position: StoredPosition): Promise<bigint> {
    const updatedNs = BigInt(Date.parse(position.updatedAt)) * 1_000_000n;
    const isTaken = ({ stat }: Neighbour): boolean => this.#work.followed.isTaken(inodeKey(stat));
    const moved = await this.#movedTo(position);
    if (moved !== null && (await this.#followAt(moved.path, position))) return moved.stat.mtimeNs;
    const copy = await this.#search.byContent(position, isTaken);
    if (copy !== null) {
      this.#work.known.forget(position);
      if (copy.isPacked) this.#readPacked(copy, position, this.#work.openStream(position.path));
      else await this.#followRotated(copy.path, position);
      return copy.stat.mtimeNs;
    }
    this.#work.known.forget(position);
    const { generation, path, offset } = position;
    this.#work.context.logger.warn(
      { path, offset },
      'a followed file is gone since the last run; what was not read of it is lost',
    );
    const gap: Gap = { generation, path, startOffset: offset, endOffset: null, reason: 'deleted' };
    await this.#work.openStream(path).write({ lines: [], position: { ...position, isEnded: true }, gaps: [gap] });
    return updatedNs;
  }

  async #movedTo(position: FilePosition): Promise<Neighbour | null> {
    const found = await this.#search.byInode(position);
    return found === null || this.#work.followed.isTaken(inodeKey(found.stat)) ? null : found;
  }

  /** By inode, if the content is still the same. */
  async #followAt(path: string, position: StoredPosition): Promise<boolean> {
    const file = await open(path).catch(() => null);
    if (file === null) return false;
    const stat = await file.stat({ bigint: true });
    const claimed = await this.#work.known.claim(file, stat);
    if (claimed !== null && claimed.generation !== position.generation) this.#work.known.add(claimed);
    if (claimed?.generation !== position.generation) {
      await file.close(); // the inode has gone to another file
      return false;
    }
    await this.#followRotated(path, position, file);
    return true;
  }

  async #followRotated(path: string, position: FilePosition, opened?: FileHandle): Promise<void> {
    const file = opened ?? (await open(path));
    const stat = await file.stat({ bigint: true });
    const head = await readAt(file, 0, this.#work.options.fingerprint_bytes);
    const evidence = { ...position.evidence, realPath: path };
    await this.#work.follow(file, stat, { ...position, evidence }, head, true);
  }

  async #readUnseen(path: string, neighbour: Neighbour): Promise<void> {
    const { options } = this.#work;
    this.#work.context.logger.info({ path: neighbour.path }, 'a file that rotated away unseen is read');
    if (neighbour.isPacked) {
      const head = await packedHead(neighbour.path, options.fingerprint_bytes);
      const position = this.#work.newGeneration(path, neighbour.stat, head, 0);
      this.#readPacked(neighbour, position, this.#work.openStream(path));
      return;
    }
    const file = await open(neighbour.path);
    const stat = await file.stat({ bigint: true });
    const head = await readAt(file, 0, options.fingerprint_bytes);
    await this.#followRotated(neighbour.path, this.#work.newGeneration(path, stat, head, 0), file);
  }

  /** The rest of the generation is in `copy`, a file of its own: the tail moves there. False when it is followed already. */
  async #continueIn(followed: Followed, copy: Neighbour): Promise<boolean> {
    const { tail } = followed;
    const file = await open(copy.path);
    const stat = await file.stat({ bigint: true });
    if (this.#work.followed.isTaken(inodeKey(stat))) {
      await file.close();
      return false;
    }
    followed.rotatedAtMs = this.#work.context.clock.monotonicMs();
    this.#work.followed.changeKey(followed, inodeKey(stat));
    await tail.detach();
    tail.moveTo({
      device: String(stat.dev),
      inode: String(stat.ino),
      realPath: copy.path,
      birthNs: birthOf(stat).birthNs ?? null,
    });
    await this.#work.attach(followed, file);
    followed.size = stat.size;
    this.#work.loop.wake(followed);
    return true;
  }

  async #continuePacked(followed: Followed, copy: Neighbour): Promise<void> {
    const stream = this.#work.streamOf(followed.tail);
    await this.#work.letGo(followed);
    this.#readPacked(copy, followed.tail.position, stream);
  }

  #readPacked(neighbour: Neighbour, position: FilePosition, stream: LineStream): void {
    this.#packed.set(packedKey(neighbour), this.#tryPacked(neighbour, position, stream));
  }

  async #tryPacked({ path }: Neighbour, from: FilePosition, stream: LineStream): Promise<void> {
    const { options, context } = this.#work;
    let { offset } = from;
    const positionNow = (): FilePosition => ({ ...from, offset });
    for (let attempt = 1; !this.#signal.aborted; attempt++) {
      try {
        const head = await packedHead(path, options.fingerprint_bytes);
        await readPackedRest({
          path,
          position: positionNow(),
          stream,
          encoding: this.#work.encodingOf(head),
          maxLineBytes: options.max_line_bytes,
          onLines: (lines, endOffset) => {
            offset = endOffset;
            this.#work.count({ lines: lines.length, bytes: 0, emptyLines: 0, truncatedLines: 0 });
          },
          signal: this.#signal,
        });
        return;
      } catch (error) {
        if (attempt === packedAttempts) {
          const { generation } = from;
          context.logger.warn(
            { path, offset, reason: messageOf(error) },
            'a packed log file cannot be read to its end',
          );
          const gap: Gap = { generation, path, startOffset: offset, endOffset: null, reason: 'unreadable' };
          await stream.write({ lines: [], position: { ...positionNow(), isEnded: true }, gaps: [gap] });
          return stream.end();
        }
        await context.clock.delay(1000, this.#signal);
      }
    }
  }

  async #isKnown(neighbour: Neighbour): Promise<boolean> {
    const head = await headOf(neighbour, this.#work.options.fingerprint_bytes).catch(() => null);
    if (head === null) return true; // gone, or not packed to its end: nothing that can be read now
    // A file that begins as a known one and is shorter is a copy under way: read now, its lines would be there twice.
    const isOf = async (position: FilePosition): Promise<boolean> =>
      position.offset > 0 &&
      ((!neighbour.isPacked && Number(neighbour.stat.size) < position.offset) || (await holds(neighbour, position)));
    for (const { tail } of this.#work.followed) {
      if (tail.head.equals(head.subarray(0, tail.head.length)) && (await isOf(tail.identity))) return true;
    }
    for (const position of this.#work.known.withHead(head)) if (await isOf(position)) return true;
    return false;
  }

  #isFollowed({ generation }: FilePosition): boolean {
    return [...this.#work.followed].some(({ tail }) => tail.position.generation === generation);
  }
}

async function headOf({ path, isPacked }: Neighbour, bytes: number): Promise<Buffer> {
  if (isPacked) return packedHead(path, bytes);
  await using file = await open(path);
  return readAt(file, 0, bytes);
}

/** The same file once more, or one that has been written to since. */
function packedKey({ stat }: Neighbour): string {
  return `${inodeKey(stat)}:${stat.mtimeNs}`;
}
