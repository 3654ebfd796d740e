/** Whether a stream goes to systemd's journal. */
import { fstatSync } from 'node:fs';

/** `JOURNAL_STREAM` has device and inode of the stream that the journal made for the service (systemd.exec(5)). */
export function isJournalStream(env: Readonly<Record<string, string | undefined>>, fd: number): boolean {
  const stream = env['JOURNAL_STREAM'];
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false; // closed: nobody reads it
  }
}
