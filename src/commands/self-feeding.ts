/**
 * A command that prints rows for as long as there are any must not print into a file that the daemon reads: each row would come back as a further
 * one, for ever (F68).
 */
import type { InputsAnswer } from '../client/client.ts';
import { FileGlobs } from '../inputs/file/glob.ts';
import { RegressionError } from '../runtime/errors.ts';

/** @param outputPath of the file that standard output goes to. @throws RegressionError `USAGE`. */
export function refuseSelfFeeding(outputPath: string, { inputs }: Pick<InputsAnswer, 'inputs'>): void {
  const reader = inputs.find(
    ({ include, exclude }) => include !== null && new FileGlobs(include, exclude ?? []).matches(outputPath),
  );
  if (reader === undefined) return;
  throw new RegressionError(
    'USAGE',
    `the output goes to ${outputPath}, which the input ${reader.name} reads: every row would come back as a new one`,
    { hint: 'Write it elsewhere, or name it in inputs[].exclude.' },
  );
}
