/** What Unix sockets leave behind. */
import { lstatSync } from 'node:fs';
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
  if (isStale && isSocket(path)) await unlink(path);
}

/** A file that is no socket refuses connections as a stale one does, and is somebody's. */
export function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}
