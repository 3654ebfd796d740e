import { join } from 'node:path';
import { parseTimestamp } from '../../src/record/timestamp.ts';
import type { Case } from './run.ts';
import { atOurPrecision, options, readVectors } from './vectors.ts';

export function timestampCases(folder: string): Case[] {
  return readVectors(join(folder, 'timestamps/timestamps.jsonl')).map((vector) => {
    const got = parseTimestamp(String(vector['input']), options);
    const accepted = [vector['expect_utc'], ...((vector['accept'] as string[] | undefined) ?? [])];
    const noYear = vector['expect_noyear'];
    const isRight =
      vector['expect_error'] !== undefined
        ? got === null
        : noYear !== undefined
          ? got?.slice(5).startsWith(String(noYear))
          : accepted.some((instant) => got === atOurPrecision(String(instant)));
    return {
      kind: 'timestamps',
      name: vector.name,
      failure: isRight ? undefined : `${String(vector['input'])} gave ${got}`,
    };
  });
}
