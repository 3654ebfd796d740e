/** Transforms of metadata: rename, add. */
import { z } from 'zod';
import { withUniqueKeys } from '../record/unique-keys.ts';
import { conditionOf, conditionOptions } from './condition.ts';
import type { TransformKind } from './transform.ts';

const when = conditionOptions.prefault({}).describe('Which records; every one when nothing is said');

const renameOptions = z.strictObject({
  from: z.string().min(1).describe('The metadata key as it comes'),
  to: z.string().min(1).describe('The key it is stored under'),
  when,
});

export const rename: TransformKind<typeof renameOptions> = {
  options: renameOptions,
  create({ from, to, when }) {
    const isMeant = conditionOf(when);
    return {
      apply(record) {
        if (!record.metadata.some(([type]) => type === from) || !isMeant(record)) return record;
        const metadata = record.metadata.map(([type, value]) => [type === from ? to : type, value] as const);
        return { ...record, metadata: withUniqueKeys(metadata) };
      },
    };
  },
};

const addOptions = z.strictObject({
  fields: z
    .record(z.string().min(1), z.string())
    .describe('Metadata of every record that does not have the key itself'),
  when,
});

export const add: TransformKind<typeof addOptions> = {
  options: addOptions,
  create({ fields, when }) {
    const isMeant = conditionOf(when);
    const added = Object.entries(fields);
    return {
      apply(record) {
        if (!isMeant(record)) return record;
        const missing = added.filter(([key]) => !record.metadata.some(([type]) => type === key));
        return missing.length === 0 ? record : { ...record, metadata: [...record.metadata, ...missing] };
      },
    };
  },
};
