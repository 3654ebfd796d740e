/**
 * Metadata keys are unique within a record; what an entry says twice is kept under a numbered key.
 */
import type { Metadata } from './log-record.ts';

/** So few are compared with each other for less than a set of them costs. */
const fewPairs = 10;

/** The second `key` becomes `key#2`, the third `key#3`. Answers `metadata` itself where nothing is said twice. */
export function withUniqueKeys(metadata: Metadata): Metadata {
  if (metadata.length <= fewPairs && !hasDouble(metadata)) return metadata;
  const seen = new Set(metadata.map(([type]) => type));
  if (seen.size === metadata.length) return metadata;
  const taken = new Set<string>();
  return metadata.map(([type, value]) => {
    let key = type;
    for (let number = 2; taken.has(key) || (key !== type && seen.has(key)); number++) key = `${type}#${number}`;
    taken.add(key);
    return [key, value];
  });
}

function hasDouble(metadata: Metadata): boolean {
  for (let place = 1; place < metadata.length; place++) {
    for (let other = 0; other < place; other++) if (metadata[other]?.[0] === metadata[place]?.[0]) return true;
  }
  return false;
}
