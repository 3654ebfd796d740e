/**
 * What the daemon's parts may take of the memory that it is granted: one budget, read from the process's control group at the start.
 *
 * The options of the configuration are upper bounds. In a container of 128 MB a page cache of 64 MiB would be the end of the daemon, so what is
 * granted counts as well; from 512 MiB on, and without a limit, the options alone do.
 */

const MiB = 1024 * 1024;
/** From here on there is room for everything at its own bound. */
const ampleBytes = 512 * MiB;
/** What Node, the program's code and its threads take before the first line is read. */
const idleBytes = 96 * MiB;
/** With less the daemon is ended sooner or later. */
export const neededBytes = 128 * MiB;
/** Below it memory goes before speed, and threads that answer a question or seal a segment are had one after the other. */
const scarceBytes = 192 * MiB;

export interface MemoryBudget {
  /** What the control group grants the process; null without a limit. */
  readonly limitBytes: number | null;
  /** True when the parts get less than they would take otherwise. */
  readonly isSmall: boolean;
  /** True when there is so little that memory goes before speed. */
  readonly isScarce: boolean;
  /** `undefined`: no bound but the part's own. */
  readonly parts: Partial<MemoryParts>;
  /**
   * Of the threads that answer queries: how many, the page cache of each, the engine where the SQL of users runs, how long an idle one stays, how
   * many there are at once, one that seals included.
   */
  readonly readers: Partial<
    Readonly<Record<'maxThreads' | 'cacheBytes' | 'sqlBytes' | 'idleMs' | 'mostAtOnce', number>>
  >;
}

export interface MemoryParts {
  /** Page cache of the writer. */
  readonly cacheBytes: number;
  /** Lines that were read and are not committed. */
  readonly queueBytes: number;
  /** What an address of syslog has received: datagrams that wait for the store, messages that are not complete. */
  readonly receivedBytes: number;
  /** A body of entries that are sent over HTTP, and all that are being worked on. */
  readonly postedBytes: number;
  /** Rows kept for sinks. */
  readonly recentBytes: number;
  /** The WAL is checkpointed at this length: its index and its pages are in memory. */
  readonly checkpointBytes: number;
  /** The hot file is closed at this length: sealing it takes memory in proportion. */
  readonly hotBytes: number;
}

/** @param grantedBytes as `process.constrainedMemory()` says it: 0 or more than any machine has without a limit. */
export function memoryBudget(grantedBytes: number = process.constrainedMemory()): MemoryBudget {
  const limitBytes = grantedBytes > 0 && grantedBytes < Number.MAX_SAFE_INTEGER ? grantedBytes : null;
  if (limitBytes === null || limitBytes >= ampleBytes) {
    return { limitBytes, isSmall: false, isScarce: false, parts: {}, readers: {} };
  }
  const isScarce = limitBytes < scarceBytes;
  const roomBytes = Math.max(limitBytes - idleBytes, 0);
  const share = (part: number, leastMiB: number, mostMiB: number): number => {
    return Math.min(Math.max(Math.floor(roomBytes / part), leastMiB * MiB), mostMiB * MiB);
  };
  return {
    limitBytes,
    isSmall: true,
    isScarce,
    parts: {
      cacheBytes: share(8, 2, 16),
      queueBytes: share(16, 1, 16),
      receivedBytes: share(16, 1, 64),
      postedBytes: share(16, 1, 64),
      recentBytes: share(16, 1, 4),
      checkpointBytes: share(8, 2, 16),
      hotBytes: share(4, 8, 128),
    },
    readers: {
      maxThreads: 1,
      cacheBytes: share(16, 1, 16),
      sqlBytes: share(1.5, 24, 192),
      idleMs: 5000,
      mostAtOnce: isScarce ? 1 : Infinity,
    },
  };
}

/** The smaller of what is configured and what is granted. */
export function atMost(configured: number, granted: number | undefined): number {
  return granted === undefined ? configured : Math.min(configured, granted);
}
