/**
 * Time as a parameter. Everything that waits or dates takes a `Clock`, so that tests move time by hand.
 */
export interface Clock {
  /** Wall clock, milliseconds since 1970; may jump in either direction. For dates only. */
  nowMs(): number;
  /** Never goes back. For durations, deadlines and intervals. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds of monotonic time, or at once when `signal` aborts; never rejects. */
  delay(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  delay(ms, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    });
  },
};
