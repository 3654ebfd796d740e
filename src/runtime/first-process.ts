/**
 * SIGTERM and SIGINT for the first process of a container, until the program has loaded and listens to them itself (main.ts).
 *
 * The kernel ends process 1 by no signal that it does not listen to: without this, one that comes while the program loads is lost, and
 * the container is killed when its grace is over, ten or thirty seconds later. Nothing has begun by then, so there is nothing to drain.
 *
 * A known gap: the first milliseconds of the Node binary itself, before it listens to anything. bin/regression covers what is before them.
 */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

export const signalNumbers = { SIGINT: constants.signals.SIGINT, SIGTERM: constants.signals.SIGTERM } as const;

const signals = Object.entries(signalNumbers) as ['SIGINT' | 'SIGTERM', number][];
const listeners = new Map<NodeJS.Signals, () => void>();

/** Call it before all else is loaded. Does nothing in a process that signals end anyway. */
export function endByEarlySignals(): void {
  if (process.pid !== 1) return;
  const wasTold = signals.find(([, number]) => wasSwallowed(number));
  if (wasTold !== undefined) process.exit(128 + wasTold[1]);
  for (const [name, number] of signals) {
    const end = (): void => process.exit(128 + number);
    listeners.set(name, end);
    process.on(name, end);
  }
}

/** Call it when others listen: a signal that is under way while nobody does is lost. */
export function leaveSignals(): void {
  for (const [name, listener] of listeners) process.off(name, listener);
}

/**
 * True when the signal came before our code ran. Node's own handler restores the terminal, takes itself away and raises the signal again,
 * which ends any process but the first: there, what is left is a signal that nobody listens to. (Node listens to both from its start.)
 */
function wasSwallowed(signal: number): boolean {
  let status: string;
  try {
    status = readFileSync('/proc/self/status', 'latin1');
  } catch {
    return false; // no /proc
  }
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return caught !== undefined && (BigInt(`0x${caught}`) & (1n << BigInt(signal - 1))) === 0n;
}
