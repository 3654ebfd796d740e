/**
 * How long to wait before the next try: exponential with full jitter, so that many who failed together do not come back
 * together (AWS Architecture Blog, "Exponential Backoff and Jitter").
 *
 * @param attempt counts from 0.
 * @returns milliseconds in [0, min(maxMs, baseMs * 2 ** attempt)].
 */
export function backoffMs(
  attempt: number,
  limits: { baseMs: number; maxMs: number },
  random: () => number = Math.random,
): number {
  return random() * Math.min(limits.maxMs, limits.baseMs * 2 ** attempt);
}
