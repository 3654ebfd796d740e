/**
 * The files that are being followed, by inode and by path. One daemon follows a file once, whichever of its inputs names it.
 */
import type { FollowedStatus } from '../input.ts';
import type { Tail } from './tail.ts';

export interface Followed {
  /** `device:inode`; another one once the generation goes on in a copy. */
  key: string;
  readonly tail: Tail;
  /** Since when the file is in no path of the globs any more (monotonic); null while it is. */
  rotatedAtMs: number | null;
  /** When it was found under another name of the globs; null before. */
  renamedAtMs: number | null;
  lastReadAtMs: number;
  /** As last seen. */
  size: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
  isDeleted: boolean;
  /** A copytruncate's copy: nobody writes to it, so it is over once it is read to its end. */
  isCopy: boolean;
  /** `finish` once it is read to its end; `drop` without reading it; `closing` while the store is told that it is over. */
  ending: 'finish' | 'drop' | 'closing' | null;
  lastError: string | null;
}

/** Which inputs follow which inodes and generations, one map a daemon (known by the context that its inputs share). */
const followedOf = new WeakMap<object, Map<string, object>>();

export class FollowedFiles implements Iterable<Followed> {
  readonly #owner: object;
  readonly #shared: Map<string, object>;
  readonly #reserved = new Set<string>();
  readonly #byKey = new Map<string, Followed>();
  readonly #byPath = new Map<string, Followed>();

  /** @param daemon what the inputs of one daemon have in common. */
  constructor(daemon: object, owner: object) {
    this.#owner = owner;
    this.#shared = followedOf.get(daemon) ?? new Map();
    followedOf.set(daemon, this.#shared);
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Followed | undefined {
    return this.#byKey.get(key);
  }

  /** The file that is at `path` now, as far as the last scan knows. */
  at(path: string): Followed | undefined {
    return this.#byPath.get(path);
  }

  /** A scan has seen the file at `path`. */
  seenAt(path: string, followed: Followed): void {
    this.#byPath.set(path, followed);
  }

  isTakenByAnother(key: string): boolean {
    const owner = this.#shared.get(key);
    return owner !== undefined && owner !== this.#owner;
  }

  /** By this input or another. */
  isTaken(key: string): boolean {
    return this.#shared.has(key);
  }

  /** Taken, though not followed at the moment. */
  isReserved(key: string): boolean {
    return this.#reserved.has(key);
  }

  reserve(key: string): void {
    this.#reserved.add(key);
  }

  unreserve(key: string): void {
    this.#reserved.delete(key);
  }

  /**
   * Whoever of the daemon's inputs asks first reads the generation, wherever it is.
   * @returns false when it is followed, or somebody has asked before.
   */
  takeGeneration(generation: string): boolean {
    if (this.#shared.has(generation)) return false;
    this.#shared.set(generation, this.#owner);
    return true;
  }

  add(followed: Followed): void {
    this.#byKey.set(followed.key, followed);
    this.#shared.set(followed.tail.position.generation, this.#owner);
    if (followed.rotatedAtMs === null) this.#byPath.set(followed.tail.position.path, followed);
    this.#shared.set(followed.key, this.#owner);
  }

  remove(followed: Followed): void {
    if (this.#byKey.get(followed.key) !== followed) return;
    this.#byKey.delete(followed.key);
    this.#shared.delete(followed.key);
    this.#shared.delete(followed.tail.position.generation);
    const { path } = followed.tail.position;
    if (this.#byPath.get(path) === followed) this.#byPath.delete(path);
  }

  /** Before a scan says what is where. */
  forgetPaths(): void {
    this.#byPath.clear();
  }

  changeKey(followed: Followed, key: string): void {
    this.remove(followed);
    followed.key = key;
    this.add(followed);
  }

  clear(): void {
    for (const followed of this.#byKey.values()) this.remove(followed);
  }

  [Symbol.iterator](): Iterator<Followed> {
    return [...this.#byKey.values()][Symbol.iterator]();
  }
}

export function statusOf({ tail, size, rotatedAtMs, isDeleted, lastError }: Followed): FollowedStatus {
  const { path, evidence, generation, device, inode, offset } = tail.position;
  return {
    path,
    realPath: evidence?.realPath ?? null,
    generation,
    device,
    inode,
    encoding: tail.encoding,
    format: tail.format,
    state: isDeleted ? 'deleted' : rotatedAtMs === null ? 'followed' : 'rotated',
    offset,
    waitingBytes: tail.readOffset - offset,
    unreadBytes: Math.max(0, Number(size) - tail.readOffset),
    isOpen: tail.isAttached,
    lastError,
  };
}
