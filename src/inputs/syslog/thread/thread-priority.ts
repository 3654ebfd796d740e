/**
 * Lets the calling thread run as soon as it has something to do (sched(7), SCHED_RR), where that is permitted: as root, with CAP_SYS_NICE or
 * with RLIMIT_RTPRIO of 1 and more. On a busy host a thread of normal priority waits for milliseconds, in which the kernel's default
 * buffer for datagrams overflows.
 */
import { availableParallelism } from 'node:os';
import type { Libc } from '../../../runtime/libc.ts';

const SCHED_OTHER = 0;
const SCHED_RR = 2;
/** Set for this thread and not for what it starts. */
const SCHED_RESET_ON_FORK = 0x40000000;

export class ThreadPriority {
  readonly #setScheduler: (...args: unknown[]) => unknown;
  /** Where there is one processor for everything, a flood would leave the others nothing of it. */
  readonly #mayBeRealTime = availableParallelism() > 1;
  #isRealTime = false;

  constructor(libc: Libc) {
    this.#setScheduler = libc.func('int sched_setscheduler(int, int, void*)');
  }

  /** What the thread has now; what is asked for and not permitted changes nothing. */
  get isRealTime(): boolean {
    return this.#isRealTime;
  }

  set(wantsRealTime: boolean): void {
    if (wantsRealTime === this.#isRealTime || (wantsRealTime && !this.#mayBeRealTime)) return;
    const priority = Buffer.alloc(4);
    priority.writeInt32LE(wantsRealTime ? 1 : 0); // the lowest of its kind
    const policy = wantsRealTime ? SCHED_RR | SCHED_RESET_ON_FORK : SCHED_OTHER;
    if (this.#setScheduler(0, policy, priority) === 0) this.#isRealTime = wantsRealTime;
  }
}
