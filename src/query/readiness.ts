/** What the parts say, in the one word that `/health/ready` answers with: shared by the query server and the health thread. */
import type { HealthPart } from './context.ts';

export interface Readiness {
  /** `degraded`: all of them do their work, and one has a warning. */
  readonly status: 'ok' | 'degraded' | 'not_ready';
  readonly parts: readonly HealthPart[];
}

export function readinessOf(parts: readonly HealthPart[]): Readiness {
  if (!parts.every(({ ok }) => ok)) return { status: 'not_ready', parts };
  const isWarned = parts.some(({ warning }) => warning !== undefined);
  return { status: isWarned ? 'degraded' : 'ok', parts };
}
