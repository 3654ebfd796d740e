/** What `regression doctor` finds, and where it looks. */
import type { MemoryBudget } from '../runtime/memory-budget.ts';

export interface Finding {
  readonly check:
    | 'daemon'
    | 'data directory'
    | 'disk'
    | 'task directory'
    | 'clock'
    | 'files'
    | 'named files'
    | 'inotify'
    | 'open files'
    | 'port'
    | 'upstream'
    | 'receive buffer'
    | 'memory';
  /** `failed`: the daemon cannot do its work. `warning`: it does, and less well. */
  readonly outcome: 'ok' | 'warning' | 'failed';
  readonly says: string;
  /** What to do; absent when it is fine. */
  readonly mend?: string;
}

export interface Host {
  /** `/proc`, where there is one. */
  readonly procDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs: number;
  /** What the process may take: its control group's limit. */
  readonly memory: MemoryBudget;
}
