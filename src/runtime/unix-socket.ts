/** What Unix sockets leave behind. */
import { unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { systemCodeOf } from './errors.ts';

/** A stream socket that nobody listens on any more was left by a process that was killed; a live one stays and is in use. */
export async function removeStaleSocket(path: string): Promise<void> {
  const isStale = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', (error) => resolve(systemCodeOf(error) === 'ECONNREFUSED'));
  });
  if (isStale) await unlink(path);
}
