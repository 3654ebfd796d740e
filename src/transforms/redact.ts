/** Replaces secrets in the message and in metadata before anything is stored. */
import { z } from 'zod';
import type { LogRecord, Metadata } from '../record/log-record.ts';
import { LinearPattern } from '../runtime/linear-pattern.ts';
import { pattern } from '../runtime/pattern-schema.ts';
import { conditionOf, conditionOptions } from './condition.ts';
import { descriptionOfKinds, finders, isSecretKey, secretKinds } from './secrets.ts';
import type { TransformKind } from './transform.ts';

const redactOptions = z.strictObject({
  what: z.array(z.enum(secretKinds)).default(['credentials', 'bearer_tokens']).describe(descriptionOfKinds),
  patterns: z.array(pattern()).default([]).describe('Regular expressions (RE2) of further secrets'),
  keys: z.array(z.string().min(1)).default([]).describe('Metadata keys whose whole value is a secret'),
  replacement: z.string().default('[redacted]').describe('What stands in place of a secret'),
  when: conditionOptions.prefault({}).describe('Which records; every one when nothing is said'),
});

export const redact: TransformKind<typeof redactOptions> = {
  options: redactOptions,
  create({ what, patterns, keys, replacement, when }) {
    const isMeant = conditionOf(when);
    const own = patterns.map((source) => new LinearPattern(source));
    const ownKeys = new Set(keys);
    const namesSecrets = what.includes('credentials');
    const clean = (text: string): string => {
      let cleaned = text;
      for (const kind of what) cleaned = finders[kind](cleaned, replacement);
      for (const each of own) cleaned = each.replaceAll(cleaned, replacement);
      return cleaned;
    };
    const isSecret = (key: string): boolean => ownKeys.has(key) || (namesSecrets && isSecretKey(key));
    return {
      apply(record): LogRecord {
        if (!isMeant(record)) return record;
        const message = clean(record.message);
        const cleaned = record.metadata.map(([key, value]) => {
          if (key === 'raw_base64') return [key, value] as const;
          return [key, isSecret(key) && value !== '' ? replacement : clean(value)] as const;
        });
        const isChanged =
          message !== record.message || cleaned.some(([, value], index) => value !== record.metadata[index]?.[1]);
        return isChanged ? { ...record, message, metadata: withoutRawBytes(cleaned) } : record;
      },
    };
  },
};

/** The bytes of a line that is not UTF-8 hold the secret too. */
function withoutRawBytes(metadata: Metadata): Metadata {
  return metadata.filter(([key]) => key !== 'raw_base64' && !key.startsWith('raw_base64#'));
}
