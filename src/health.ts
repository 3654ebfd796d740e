/** How the parts of the daemon are: what `/health/ready`, `status`, the metrics and the service manager tell. */
import type { LocalPipeline } from './local-pipeline.ts';
import type { HealthPart } from './query/context.ts';
import type { RunningInputs } from './running-inputs.ts';
import { damageHint, damageWarning } from './store/damage.ts';

export interface DaemonParts {
  readonly pipeline: Pick<LocalPipeline, 'ingest' | 'admission' | 'damages'> | null;
  readonly inputs: Pick<RunningInputs, 'failure'> | null;
  readonly isStarted: boolean;
  /** See package-info.ts. */
  readonly replacedFiles: string | null;
}

export function healthOf({ pipeline, inputs, isStarted, replacedFiles }: DaemonParts): readonly HealthPart[] {
  const closedBy = pipeline?.admission.closedBy ?? [];
  // Rows that a sink has held up are not the store's doing.
  const stall = closedBy.length > 0 ? null : pipeline?.ingest.stall;
  const failure = pipeline?.ingest.failure ?? stall ?? null;
  const notReading = isStarted ? (inputs?.failure ?? null) : 'still starting';
  const damage = damageWarning(pipeline?.damages ?? []);
  const held = closedBy.length === 0 ? null : closedBy.join(', ');
  return [
    failingPart('store', failure, pipeline?.ingest.failureHint),
    warnedPart('history', damage, damageHint),
    failingPart(
      'inputs',
      notReading,
      isStarted ? 'Mend it, then: regression reload, or restart the daemon.' : undefined,
    ),
    warnedPart(
      'sinks',
      held === null ? null : `rows are not taken in until more of what waits is delivered: ${held}`,
      'Mend the upstream, or change sinks[].when_full and sinks[].max_backlog.',
    ),
    warnedPart('program', replacedFiles, 'Restart the daemon: what it loads later would be of the other version.'),
  ];
}

function failingPart(name: string, reason: string | null, hint: string | undefined): HealthPart {
  return reason === null ? { name, ok: true } : { name, ok: false, reason, ...(hint === undefined ? {} : { hint }) };
}

function warnedPart(name: string, warning: string | null, hint: string): HealthPart {
  return warning === null ? { name, ok: true } : { name, ok: true, warning, hint };
}
