/** Reads secrets where the configuration points: at each use anew, so that a rotated one counts without a restart. */
import { readFile } from 'node:fs/promises';
import { RegressionError, messageOf } from '../runtime/errors.ts';
import type { Secrets } from './sink.ts';

export function secretsFrom(env: Readonly<Record<string, string | undefined>>): Secrets {
  return async (secret) => {
    if ('env' in secret) {
      const value = env[secret.env];
      if (value === undefined || value === '') throw missing(`the variable ${secret.env} is not set`);
      return value;
    }
    try {
      return (await readFile(secret.file, 'utf8')).trim();
    } catch (error) {
      throw missing(`cannot read the secret in ${secret.file}: ${messageOf(error)}`, error);
    }
  };
}

function missing(message: string, cause?: unknown): RegressionError {
  return new RegressionError('CONFIG_INVALID', message, {
    cause,
    hint: 'The rows wait; the secret is looked for again.',
  });
}
