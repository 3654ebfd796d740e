/**
 * Keeps the JavaScript heap near what is alive in it.
 *
 * Records live for milliseconds. V8 takes a stream of such garbage for a reason to grow: with 28 MB alive the heap of an import stood
 * at 270 MB. A sidecar shares its host's memory, and collecting a smaller heap more often costs a few per cent of one thread.
 */
import { performance } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { memoryBudget } from './memory-budget.ts';

/** Under load a young generation of a megabyte is collected two hundred times a second, twice as often as one of two. */
const busyYoungBytes = 2 * 1024 * 1024;
/** Of the event loop's time. */
const busyFrom = 0.3;
const lookEveryMs = 500;

/** For little memory, at the price of time. */
const scarceFlags = [
  // V8 takes 20 to 50 MB while it optimizes the engine's largest functions. What it compiles at first is as quick for the first hundred thousand lines.
  '--no-wasm-tier-up',
  '--no-wasm-dynamic-tiering',
  // Code that has not run since the last collection of the whole heap goes, and is compiled again when it is needed.
  '--optimize-for-size',
  '--bytecode-old-age=1',
];

/** For the whole process, its threads included. Call it once, before the work begins. */
export function keepHeapSmall(): void {
  // V8 reads these whenever it decides how far to grow, so they can be set in a running process; sizes (`--max-semi-space-size`)
  // are read once, before our code runs.
  setFlagsFromString('--semi-space-growth-factor=1');
  const { isSmall, isScarce } = memoryBudget();
  setFlagsFromString(`--heap-growing-percent=${isSmall ? 20 : 50}`);
  if (isScarce) for (const flag of scarceFlags) setFlagsFromString(flag);
  // The young generation of a small heap is a megabyte: waking four helpers for each collection of it costs more than they do.
  setFlagsFromString('--no-parallel-scavenge');
  let before = performance.eventLoopUtilization();
  setInterval(() => {
    const now = performance.eventLoopUtilization();
    const isBusy = performance.eventLoopUtilization(now, before).utilization > busyFrom;
    before = now;
    setFlagsFromString(`--semi-space-growth-factor=${isBusy && youngBytes() < busyYoungBytes ? 2 : 1}`);
  }, lookEveryMs).unref();
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0;
}
