/**
 * Closes the hot file and begins a new one. By size and age the store does that by itself (store/thread/writer.ts); here are the
 * options for it, and the rotation on demand and by schedule.
 */
import { z } from 'zod';
import { bytes, duration } from '../runtime/units.ts';
import { scheduleOptions } from './schedule-options.ts';
import type { TaskKind, TaskOutcome } from './task.ts';

const MiB = 1024 * 1024;

const options = z.strictObject({
  max_size: bytes({ min: MiB, max: 2048 * MiB })
    .prefault('128MiB')
    .describe('The file being written is closed once it is this long; sealing it takes about as much memory'),
  max_age: duration({ min: 60_000 }).prefault('1d').describe('It is closed once it is this old, if it has rows'),
  ...scheduleOptions(),
});

export const rotate: TaskKind<typeof options> = {
  summary: 'Close the file being written and begin a new one; what was closed is sealed',
  options,
  isConcurrent: true,
  async run({ store, waits }): Promise<TaskOutcome> {
    const segment = await store.rotate();
    if (waits) await store.sealed();
    if (segment === null)
      return { message: 'nothing to rotate: the file being written has no rows', details: { segment: null } };
    const { path, firstId, lastId, minTimestamp, maxTimestamp, bytes: length } = segment;
    return {
      message: `closed rows ${firstId} to ${lastId} (${minTimestamp} to ${maxTimestamp}) as ${path}`,
      details: {
        segment: path,
        first_id: firstId,
        last_id: lastId,
        start: minTimestamp,
        end: maxTimestamp,
        bytes: length,
      },
    };
  },
};
