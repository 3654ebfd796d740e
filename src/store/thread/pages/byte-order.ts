/**
 * Sorts many short byte strings that lie one behind the other, in the order of SQLite's BINARY collation: as memcmp has it, the shorter
 * one first; equal ones stay in the order they lie. By one byte after another (most significant first), which looks at no byte twice.
 */
import { free } from '../../../runtime/free.ts';

export interface ByteStrings {
  readonly bytes: Uint8Array;
  /** The string `n` is `bytes` from `starts[n]` up to `starts[n + 1]`. */
  readonly starts: Uint32Array;
}

/** Fewer than these are sorted by insertion. */
const fewStrings = 32;
/** Strings that differ so often on the way, each time a little, are not left to recursion. */
const maxSplits = 100;

/** @returns the numbers of the strings `first` up to `end`, sorted. */
export function sortedStrings(strings: ByteStrings, first: number, end: number): Uint32Array<ArrayBuffer> {
  const order = Uint32Array.from({ length: end - first }, (_, place) => first + place);
  const moved = order.slice();
  const keys = new Uint16Array(order.length);
  sortRange({ strings, order, moved, keys }, 0, order.length, 0, 0);
  free(moved.buffer);
  free(keys.buffer);
  return order;
}

interface Sorting {
  readonly strings: ByteStrings;
  readonly order: Uint32Array;
  readonly moved: Uint32Array;
  readonly keys: Uint16Array;
}

/** Sorts what stands in `order` from `low` up to `high`; the first `depth` bytes of these are equal. */
function sortRange(sorting: Sorting, low: number, high: number, depth: number, splits: number): void {
  const { strings, order, moved, keys } = sorting;
  const { bytes, starts } = strings;
  if (high - low <= fewStrings) return insertionSort(sorting, low, high, depth);
  if (splits > maxSplits) {
    order.subarray(low, high).sort((a, b) => compareFrom(strings, a, b, depth));
    return;
  }
  const ends = new Uint32Array(258);
  let place = depth;
  for (;;) {
    // Key 0: the string ends here. Counted one further up, so that the sums are where each key begins.
    for (let at = low; at < high; at++) {
      const string = order[at] ?? 0;
      const byteAt = (starts[string] ?? 0) + place;
      const key = byteAt < (starts[string + 1] ?? 0) ? (bytes[byteAt] ?? 0) + 1 : 0;
      keys[at] = key;
      ends[key + 1] = (ends[key + 1] ?? 0) + 1;
    }
    if (ends[(keys[low] ?? 0) + 1] !== high - low) break;
    if (keys[low] === 0) return; // all equal
    ends.fill(0);
    place++;
  }
  for (let key = 1; key < 258; key++) ends[key] = (ends[key] ?? 0) + (ends[key - 1] ?? 0);
  for (let at = low; at < high; at++) {
    const key = keys[at] ?? 0;
    const to = ends[key] ?? 0;
    moved[low + to] = order[at] ?? 0;
    ends[key] = to + 1;
  }
  order.set(moved.subarray(low, high), low);
  for (let key = 1; key < 257; key++) {
    const from = ends[key - 1] ?? 0;
    const to = ends[key] ?? 0;
    if (to - from > 1) sortRange(sorting, low + from, low + to, place + 1, splits + 1);
  }
}

function insertionSort({ strings, order }: Sorting, low: number, high: number, depth: number): void {
  for (let next = low + 1; next < high; next++) {
    const string = order[next] ?? 0;
    let to = next;
    for (; to > low && compareFrom(strings, order[to - 1] ?? 0, string, depth) > 0; to--)
      order[to] = order[to - 1] ?? 0;
    order[to] = string;
  }
}

function compareFrom({ bytes, starts }: ByteStrings, a: number, b: number, depth: number): number {
  const startA = starts[a] ?? 0;
  const startB = starts[b] ?? 0;
  const lengthA = (starts[a + 1] ?? 0) - startA;
  const lengthB = (starts[b + 1] ?? 0) - startB;
  const common = Math.min(lengthA, lengthB);
  for (let place = depth; place < common; place++) {
    const difference = (bytes[startA + place] ?? 0) - (bytes[startB + place] ?? 0);
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}
