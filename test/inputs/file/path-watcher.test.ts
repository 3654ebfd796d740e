/** The watcher is a hint: when the system refuses to watch, that is said once, and the scan finds everything. */
import { EventEmitter } from 'node:events';
import type { FSWatcher, watch } from 'chokidar';
import { test } from 'tap';
import { FileInput } from '../../../src/inputs/file/file-input.ts';
import { fileOptions } from '../../../src/inputs/file/options.ts';
import { PathWatcher } from '../../../src/inputs/file/path-watcher.ts';
import { tempDir } from '../../temp-dir.ts';
import { RecordingContext } from '../recording-context.ts';

void test('inotify has no watches left: said once with what to do, and the state is scanning (F19, F21)', async (t) => {
  const context = new RecordingContext();
  const chokidar = Object.assign(new EventEmitter(), { add: () => undefined, close: async () => undefined });
  const watchPaths = (() => chokidar as unknown as FSWatcher) as typeof watch;
  const hints = { onChange: () => undefined, onRename: () => undefined };
  const watcher = new PathWatcher([await tempDir(t)], () => true, hints, context.logger, watchPaths);
  t.teardown(() => watcher.close());
  watcher.watchExisting();
  t.strictSame(watcher.state, { kind: 'watching', reason: null });

  const refusal = Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), {
    code: 'ENOSPC',
  });
  chokidar.emit('error', refusal);
  chokidar.emit('error', refusal);

  t.strictSame(watcher.state, { kind: 'scanning', reason: refusal.message });
  t.strictSame(context.warnings, ['cannot watch for changes']);
});

void test('a start that a stop overtakes while it asks the store watches nothing any more', async (t) => {
  const directory = await tempDir(t);
  const { promise: positions, resolve: answer } = Promise.withResolvers<readonly []>();
  const context = Object.assign(new RecordingContext(), { knownPositions: () => positions });
  let watched = 0;
  const watchPaths = (() => {
    watched++;
    return Object.assign(new EventEmitter(), { close: async () => undefined }) as unknown as FSWatcher;
  }) as typeof watch;
  const input = new FileInput(fileOptions.parse({ include: [`${directory}/*.log`] }), context, watchPaths);
  const started = input.start();

  await input.stop();
  answer([]);
  await started;

  t.equal(watched, 0);
});
