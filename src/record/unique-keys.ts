/**
 * Metadata keys are unique within a record; what an entry says twice is kept under a numbered key.
 */
import type { Metadata } from './log-record.ts';

/** The second `key` becomes `key#2`, the third `key#3`. Answers `metadata` itself where nothing is said twice. */
export function withUniqueKeys(metadata: Metadata): Metadata {
  const seen = new Set<string>();
  let hasDoubles = false;
  for (const [type] of metadata) {
    if (seen.has(type)) hasDoubles = true;
    seen.add(type);
  }
  if (!hasDoubles) return metadata;
  const taken = new Set<string>();
  return metadata.map(([type, value]) => {
    let key = type;
    for (let number = 2; taken.has(key) || (key !== type && seen.has(key)); number++) key = `${type}#${number}`;
    taken.add(key);
    return [key, value];
  });
}
