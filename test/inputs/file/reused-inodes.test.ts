/**
 * A file that is made again in the inode of a deleted one and begins as it did, while nobody has it open. ext4 gives the inode out
 * again at once; a file system that does not has nothing to show here.
 */
import { stat, unlink, writeFile } from 'node:fs/promises';
import { type Test, test } from 'tap';
import { type Followed, follow } from './followed.ts';

const maxOpenFiles = 8;

/** The file at `name` is deleted, and another one with `text` is in its inode. False where that does not come about. */
async function madeAgain(logs: Followed, name: string, text: string): Promise<boolean> {
  const path = logs.path(name);
  const { ino } = await stat(path);
  for (let attempt = 0; attempt < 50; attempt++) {
    await unlink(path);
    await writeFile(path, text);
    if ((await stat(path)).ino === ino) return true;
  }
  return false;
}

/** `app.log` was read to its end and is not open any more, as so many others have been read since. */
async function withClosedLog(t: Test, text: string): Promise<Followed> {
  const logs = await follow(t, { max_open_files: maxOpenFiles, rotate_wait: '1s' });
  await writeFile(logs.path('app.log'), text);
  await logs.start();
  for (let other = 0; other < maxOpenFiles; other++) await logs.append(`other-${other}.log`, 'other\n');
  await logs.look();
  t.equal(logs.input.files().openFiles, maxOpenFiles);
  return logs;
}

const ofLog = (logs: Followed): string[] => logs.context.texts.filter((text) => text !== 'other');

for (const isOlder of [false, true]) {
  const age = isOlder ? 'written to since it was made' : 'that was made and written at once';
  void test(`a closed file ${age}, deleted and made again in its inode with the same beginning: read whole (F12)`, async (t) => {
    const logs = await withClosedLog(t, 'start\nold\n');
    if (isOlder) {
      await logs.append('app.log', 'older\n');
      for (let other = 0; other < maxOpenFiles; other++) await logs.append(`other-${other}.log`, 'other\n');
      await logs.look();
    }
    const before = ofLog(logs);
    const isReused = await madeAgain(logs, 'app.log', `${before.join('\n')}\nnew\n`);
    if (!isReused) return t.comment('this file system does not use an inode again at once');
    for (let look = 0; look < 3; look++) await logs.look();
    await logs.append('app.log', 'late\n');
    await logs.look();
    await logs.restart();

    t.strictSame(ofLog(logs), [...before, ...before, 'new', 'late']);
    t.strictSame(logs.context.gaps, []);
  });
}

void test('made again in its inode while the daemon was stopped, and not written to since: read whole (F12)', async (t) => {
  const logs = await withClosedLog(t, 'start\nold\n');
  await logs.stop();
  const isReused = await madeAgain(logs, 'app.log', 'start\nold\nnew\n');
  if (!isReused) return t.comment('this file system does not use an inode again at once');
  await logs.restart();

  t.strictSame(ofLog(logs), ['start', 'old', 'start', 'old', 'new']);
});
