/** What the routes of the query server work with. */
import type { FilesStatus } from '../inputs/input.ts';
import type { LogRecord } from '../record/log-record.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { TaskRunner } from '../schedule/task-runner.ts';
import type { TaskName } from '../tasks/registry.ts';
import type { Accounts } from './accounts.ts';
import type { Audit } from './audit.ts';
import type { LiveFeed } from './live-feed.ts';
import type { RequestLimits } from './request-limits.ts';
import type { ReloadOutcome } from '../reload.ts';
import type { Forwarder } from '../pipeline/forward/forwarder.ts';
import type { Store } from '../store/store.ts';

export interface HealthPart {
  readonly name: string;
  readonly ok: boolean;
  readonly reason?: string;
  /** What somebody should look at though the part does its work. */
  readonly warning?: string;
  /** What to do about either. */
  readonly hint?: string;
}

/** An input as `GET /api/v1/inputs` tells of it; `files` for those that follow files. */
export interface InputStatus {
  /** As its metrics call it. */
  readonly name: string;
  readonly describes: string;
  readonly files: FilesStatus | null;
}

/** Where tasks are run and asked about. */
export interface TaskDesk {
  readonly runner: Pick<TaskRunner, 'run' | 'status'>;
  /** Null for a task that is not on a schedule. */
  readonly nextRun: (name: TaskName) => Date | null;
}

export interface QueryContext {
  readonly store: Store;
  /** Rows as they are committed. */
  readonly feed: LiveFeed;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly queryTimeoutMs: number;
  /** Stores rows of the endpoint's own, in turn with all others; resolves when they are durable. */
  readonly append: (records: readonly LogRecord[]) => Promise<unknown>;
  /** The state of the daemon's parts, asked anew for each `/health/ready`. */
  readonly health: () => readonly HealthPart[];
  /** What the disk of the data has left; absent where nobody watches it. */
  readonly freeBytes?: (() => Promise<number>) | undefined;
  /** Takes a changed configuration over; absent where no daemon runs. */
  readonly reload?: (() => Promise<ReloadOutcome>) | undefined;
  /** Absent where no inputs run. */
  readonly inputs?: (() => readonly InputStatus[]) | undefined;
  /** Absent where no tasks run. */
  readonly tasks?: TaskDesk | undefined;
  /** Absent where nothing is forwarded. */
  readonly forwarder?: Pick<Forwarder, 'status' | 'names' | 'wake' | 'measure'> | undefined;
}

/** What the server adds for its routes. */
export interface RouteContext extends QueryContext {
  /** Answers for people, who ask the same again; see query-cache.ts. */
  readonly queries: Pick<Store, 'search' | 'hits' | 'fieldCounts'>;
  readonly accounts: Accounts;
  readonly audit: Audit;
  readonly requestLimits: Pick<RequestLimits, 'hold' | 'withRoom'>;
}
