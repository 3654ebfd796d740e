/**
 * What a transform is: it looks at a record before it is stored and keeps it, changes it or drops it. Transforms run in the order of
 * the configuration, on every record of every input.
 */
import type { z } from 'zod';
import type { LogRecord } from '../record/log-record.ts';
import type { Clock } from '../runtime/clock.ts';

/** One entry of the open set: `transforms/registry.ts` lists them, the configuration's `transforms[].type` names them. */
export interface TransformKind<Schema extends z.ZodType> {
  /** Describes, defaults and checks the transform's own options (everything but `type`). */
  readonly options: Schema;
  create(options: z.output<Schema>, clock: Clock): Transform;
}

export interface Transform {
  /** The record to store; the record given where nothing changes; null: it is not stored. Never throws. */
  apply(record: LogRecord): LogRecord | null;
}
