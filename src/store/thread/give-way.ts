import { setPriority } from 'node:os';

/** Lets other threads of the host go first, those that take rows in above all. @param niceness as of nice(1), 0 to 19. */
export function giveWay(niceness: number): void {
  try {
    setPriority(0, niceness); // on Linux: of this thread alone
  } catch {
    // it then competes with ingest on equal terms: slower, not wrong
  }
}
