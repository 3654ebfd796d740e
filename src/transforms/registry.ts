/** Which transforms exist. A new one is a file, a line here and a test. */
import { z } from 'zod';
import type { LogRecord } from '../record/log-record.ts';
import type { Clock } from '../runtime/clock.ts';
import { add, rename } from './fields.ts';
import { redact } from './redact.ts';
import { drop, keep, rateLimit, sample } from './selection.ts';
import type { TransformKind } from './transform.ts';

export const transforms = { drop, keep, sample, rename, add, redact, rate_limit: rateLimit };

type TransformKinds = typeof transforms;

export type TransformConfig = {
  [Type in keyof TransformKinds]: { readonly type: Type } & z.output<TransformKinds[Type]['options']>;
}[keyof TransformKinds];

/** One schema per kind, told apart by `type`. */
export const transformSchemas = Object.entries(transforms).map(([type, { options }]) =>
  z.strictObject({ type: z.literal(type), ...options.shape }),
);

/**
 * All transforms of the configuration as one function.
 *
 * @param onDrop told of each record that is not stored, and by which transform: its place and type, `2:drop`.
 * @returns the record to store; null when it is dropped.
 */
export function transformsOf(
  configs: readonly TransformConfig[],
  clock: Clock,
  onDrop: (transform: string) => void,
): (record: LogRecord) => LogRecord | null {
  const steps = configs.map(({ type, ...options }, index) => {
    // Which schema checked the options is known by `type`, not by the compiler.
    const kind = transforms[type] as unknown as TransformKind<never>;
    return { name: `${index + 1}:${type}`, transform: kind.create(options as never, clock) };
  });
  return (record) => {
    let current: LogRecord = record;
    for (const { name, transform } of steps) {
      const next = transform.apply(current);
      if (next === null) {
        onDrop(name);
        return null;
      }
      current = next;
    }
    return current;
  };
}
