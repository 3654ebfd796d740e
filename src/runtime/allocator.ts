/**
 * Keeps what the C library's allocator holds beyond what is in use: buffers of a few megabytes come and go with every batch and every sealing, and
 * loading the program leaves as much behind.
 *
 * glibc answers that with an arena for each thread, and once a large block was freed it keeps such blocks in them instead of giving them back to
 * the system. A daemon with 200 MB to catch up takes 8 MiB less so, at the same CPU; an idle one 7 MB less for being asked now and then.
 */
import { type Libc, openLibc } from './libc.ts';
import { memoryBudget } from './memory-budget.ts';

/** Parameters of mallopt(3). Set by hand, the thresholds stay where they are: glibc moves its own with what it sees freed. */
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
const M_ARENA_MAX = -8;

/** Smaller blocks are used again and again: with 128 KiB every buffer was fresh pages, for half as much CPU again. */
const thresholdBytes = 4 * 1024 * 1024;
const arenas = 2;
/** Threads that were there before have theirs: bin/regression says it earlier. */
const arenasWhenScarce = 1;
/** It takes a millisecond or two, of a thread that has nothing else to do. */
const trimEveryMs = 10_000;
const trimOftenMs = 1000;

/** For the whole process; before threads are started, since an arena that is there stays. False where the C library has no such thing. */
export async function keepAllocatorSmall(): Promise<boolean> {
  const libc = await openLibc();
  try {
    const mallopt = libc?.func('int mallopt(int, int)');
    if (libc === null || mallopt === undefined) return false;
    const answers = [
      mallopt(M_ARENA_MAX, memoryBudget().isScarce ? arenasWhenScarce : arenas),
      mallopt(M_MMAP_THRESHOLD, thresholdBytes),
      mallopt(M_TRIM_THRESHOLD, thresholdBytes),
    ];
    keepTrimmed(libc);
    return answers.every((answer) => answer === 1);
  } catch {
    return false; // another C library, musl say, which has one arena and gives back what it can
  }
}

/** Pages of the arenas that nothing lies in any more go back to the system: malloc_trim(3). */
function keepTrimmed({ func }: Libc): void {
  const trim = func('int malloc_trim(size_t)');
  const everyMs = memoryBudget().isSmall ? trimOftenMs : trimEveryMs;
  setInterval(() => trim.async(0, () => undefined), everyMs).unref();
}
