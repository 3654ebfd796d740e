/** Rotation in all its forms, while we run and while we are stopped: each line once, and what is lost is said. */
import {
  appendFile,
  copyFile,
  mkdir,
  rename,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { FileInput } from '../../../src/inputs/file/file-input.ts';
import { fileOptions } from '../../../src/inputs/file/options.ts';
import { tempDir } from '../../temp-dir.ts';
import { follow, linesOf, numbered } from './followed.ts';

void test('ten rotations between two looks, none of the rotated names followed: every line (F2)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', numbered('first', 0, 5));
  await logs.start();
  for (let rotation = 0; rotation < 10; rotation++) {
    await logs.append('app.log', `line of ${rotation}\n`);
    for (let index = rotation; index > 0; index--) await logs.move(`app.log.${index}`, `app.log.${index + 1}`);
    await logs.move('app.log', 'app.log.1');
    await new Promise((resolve) => setTimeout(resolve, 15)); // birth times have the kernel's tick
  }
  await logs.append('app.log', 'newest\n');
  await logs.look();
  await logs.waitOutRotation();
  await logs.restart();

  const rotated = Array.from({ length: 10 }, (_, index) => `line of ${index}`);
  t.strictSame(logs.context.texts.toSorted(), [...linesOf(numbered('first', 0, 5)), ...rotated, 'newest'].toSorted());
});

for (const include of ['app.log', 'app.log*']) {
  void test(`ten rotations within a second under 20,000 lines a second, ${include} followed: every line once (F2)`, async (t) => {
    const directory = await tempDir(t);
    const logs = await follow(t, { include: [join(directory, include)] }, true);
    const path = join(directory, 'app.log');
    await appendFile(path, numbered('begin', 0, 5));
    await logs.start();
    for (let rotation = 0; rotation < 10; rotation++) {
      for (let part = 0; part < 4; part++) {
        await appendFile(path, numbered(`rotation ${rotation}`, part * 500, (part + 1) * 500));
        await new Promise((resolve) => setTimeout(resolve, 20)); // the pace of the writer: nothing is expected of the reader by then
      }
      for (let index = rotation; index > 0; index--) await rename(`${path}.${index}`, `${path}.${index + 1}`);
      await rename(path, `${path}.1`);
    }
    await appendFile(path, 'newest\n');
    await logs.look();
    await logs.waitOutRotation();
    await logs.restart();

    const rotated = Array.from({ length: 10 }, (_, index) => numbered(`rotation ${index}`, 0, 2000)).join('');
    t.strictSame(logs.context.texts.toSorted(), [...linesOf(numbered('begin', 0, 5) + rotated), 'newest'].toSorted());
    t.strictSame(logs.context.gaps, []);
  });
}

void test('rotated to another directory while unread, and found there after a restart (F4)', async (t) => {
  const logs = await follow(t);
  await mkdir(logs.path('old'));
  await logs.append('app.log', 'one\n');
  await logs.start();
  await logs.stop();
  await logs.append('app.log', 'two\n');
  await logs.move('app.log', 'old/app.log.1');
  await logs.append('app.log', 'three\n');
  await logs.restart();

  t.strictSame(logs.context.texts.toSorted(), ['one', 'three', 'two']);
});

void test('copytruncate: what the copy has beyond what was read is read from the copy (F8)', async (t) => {
  for (const include of ['app.log', 'app.log*']) {
    const logs = await follow(t);
    await logs.restart({ include: [logs.path(include)] });
    await logs.append('app.log', numbered('old', 0, 100));
    await logs.look();
    await logs.append('app.log', numbered('old', 100, 150));
    await copyFile(logs.path('app.log'), logs.path('app.log.1'));
    await logs.append('app.log', 'lost between copy and truncation\n');
    await truncate(logs.path('app.log'));
    await logs.append('app.log', 'new\n');
    await logs.look();
    await logs.look();
    await logs.waitOutRotation();
    await logs.restart();

    t.strictSame(logs.context.texts.toSorted(), [...linesOf(numbered('old', 0, 150)), 'new'].toSorted(), include);
    const { size } = await stat(logs.path('app.log.1'));
    t.match(
      logs.context.gaps,
      [{ startOffset: size, endOffset: null, reason: 'truncated' }],
      'what may be lost is said',
    );
  }
});

void test('truncated twice, the second copy written over the first before that was read: what it took is a gap, the rest is there once (F8)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', numbered('first', 0, 10));
  await logs.start();
  await logs.append('app.log', numbered('first', 10, 40_000));
  let release = logs.context.hold();
  await logs.input.scan();
  await copyFile(logs.path('app.log'), logs.path('app.log.1'));
  await truncate(logs.path('app.log'));
  await logs.append('app.log', numbered('second', 0, 200));
  release();
  release = logs.context.hold(); // taken is what was read; the copy is found, and not read yet
  await logs.input.scan();
  await copyFile(logs.path('app.log'), logs.path('app.log.1'));
  await truncate(logs.path('app.log'));
  await logs.append('app.log', numbered('third', 0, 200));
  release();
  await logs.look();
  await logs.look();
  await logs.waitOutRotation();
  await logs.restart();

  const whole = logs.context.lines.filter(({ metadata = [] }) => !metadata.some(([type]) => type === 'partial'));
  const first = whole.map(({ text }) => text).filter((text) => text.startsWith('first'));
  t.strictSame(first, linesOf(numbered('first', 0, first.length)));
  const others = logs.context.texts.filter((text) => !text.startsWith('first'));
  t.strictSame(others.toSorted(), linesOf(numbered('second', 0, 200) + numbered('third', 0, 200)).toSorted());
  const isStated = logs.context.gaps.some(({ endOffset }) => endOffset === numbered('first', 0, 40_000).length);
  t.ok(first.length === 40_000 || isStated, 'what the second copy took is said');
});

void test('copytruncate, and more was read than the copy has: the copy is known, at once and behind a restart (F8)', async (t) => {
  for (const include of ['app.log', 'app.log*']) {
    for (const isKilledBefore of [false, true]) {
      const logs = await follow(t);
      await logs.restart({ include: [logs.path(include)] });
      await logs.append('app.log', numbered('old', 0, 300));
      await logs.look();
      await new Promise((resolve) => setTimeout(resolve, 15)); // birth times have the kernel's tick
      await copyFile(logs.path('app.log'), logs.path('app.log.1'));
      await logs.append('app.log', numbered('old', 300, 310));
      await logs.look(); // between the copy and the truncation
      if (isKilledBefore) await logs.stop();
      await truncate(logs.path('app.log'));
      await logs.append('app.log', numbered('new', 0, 5));
      if (isKilledBefore) await logs.restart();
      for (let look = 0; look < 3; look++) {
        await logs.look();
        logs.context.clock.advance(6000);
      }
      await logs.restart();
      await logs.waitOutRotation();

      const written = linesOf(numbered('old', 0, 310) + numbered('new', 0, 5));
      t.strictSame(logs.context.texts, written, `${include}, ${isKilledBefore ? 'stopped' : 'running'}`);
    }
  }
});

void test('copytruncate while stopped, followed or not: the rest from the copy (F8)', async (t) => {
  for (const include of ['app.log', 'app.log*']) {
    const logs = await follow(t);
    await logs.restart({ include: [logs.path(include)] });
    await logs.append('app.log', numbered('old', 0, 100));
    await logs.look();
    await logs.stop();
    await logs.append('app.log', numbered('old', 100, 150));
    await copyFile(logs.path('app.log'), logs.path('app.log.1'));
    await truncate(logs.path('app.log'));
    await logs.append('app.log', 'new\n');
    await logs.restart();
    await logs.waitOutRotation();
    await logs.restart();

    t.strictSame(logs.context.texts.toSorted(), [...linesOf(numbered('old', 0, 150)), 'new'].toSorted(), include);
  }
});

void test('copytruncate while stopped: what may have been written behind the copy is said, for each copy (F8)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', numbered('first', 0, 10));
  await logs.start();
  await logs.stop();
  const ends: number[] = [];
  for (const [index, name] of ['first', 'second'].entries()) {
    await logs.append('app.log', numbered(name, 10 * (1 - index), 20));
    await new Promise((resolve) => setTimeout(resolve, 15)); // birth times have the kernel's tick
    await copyFile(logs.path('app.log'), logs.path(`app.log.${2 - index}`));
    ends.push((await stat(logs.path('app.log'))).size);
    await logs.append('app.log', 'lost between copy and truncation\n');
    await truncate(logs.path('app.log'));
  }
  await logs.append('app.log', 'new\n');
  await logs.restart();
  await logs.waitOutRotation();
  await logs.restart();

  const written = [...linesOf(numbered('first', 0, 20) + numbered('second', 0, 20)), 'new'];
  t.strictSame(logs.context.texts.toSorted(), written.toSorted());
  const stated = logs.context.gaps.map(({ startOffset, endOffset, reason }) => ({ startOffset, endOffset, reason }));
  const expected = ends.map((startOffset) => ({ startOffset, endOffset: null, reason: 'truncated' }));
  t.strictSame(
    stated.toSorted((a, b) => a.startOffset - b.startOffset),
    expected,
    'once each',
  );
});

void test('a file that is gone or truncated while stopped, with no copy: the bytes that were seen of it are a gap of known length', async (t) => {
  for (const reason of ['deleted', 'truncated']) {
    const logs = await follow(t);
    await logs.append('app.log', 'one\n');
    await logs.start();
    const release = logs.context.hold();
    await logs.append('app.log', 'x\n'.repeat(300_000));
    await logs.input.scan();
    const stopping = logs.stop(); // behind the chunk that is being read
    release();
    await stopping;
    if (reason === 'deleted') await unlink(logs.path('app.log'));
    else await truncate(logs.path('app.log'));
    await logs.restart();

    const read = 4 + (logs.context.lines.length - 1) * 2;
    t.ok(read < 600_004, `${read} bytes had been read`);
    t.match(logs.context.gaps, [
      { startOffset: read, endOffset: 600_004, reason },
      { startOffset: 600_004, endOffset: null, reason },
    ]);
  }
});

void test('cut to a shorter length: the lines that are still there are not read again, new ones are (F11)', async (t) => {
  for (const count of [20, 1000, 50_000]) {
    const logs = await follow(t);
    const text = numbered('kept', 0, count);
    await logs.append('app.log', text);
    await logs.start();
    const cut = text.indexOf(`kept line ${Math.floor(count / 2)}\n`);
    await truncate(logs.path('app.log'), cut);
    await logs.look();
    await logs.append('app.log', 'after\n');
    await logs.look();
    await logs.restart();

    const again = logs.context.texts.length - count - 1;
    t.ok(again <= (count > 4000 ? 200 : 1), `${count} lines: ${again} twice`);
    t.equal(logs.context.texts.at(-1), 'after');
  }
});

void test('cut to a shorter length while stopped: what a mark says is still there is not read again, and nothing is missed (F11)', async (t) => {
  for (const count of [20, 1000, 50_000]) {
    const logs = await follow(t);
    const text = numbered('kept', 0, count);
    await logs.append('app.log', text);
    await logs.start();
    await logs.stop();
    const kept = text.slice(0, text.indexOf(`kept line ${count / 2}\n`));
    await truncate(logs.path('app.log'), kept.length);
    await logs.append('app.log', 'after\n');
    await logs.restart();
    await logs.restart();

    const again = logs.context.texts.slice(count);
    t.strictSame(again, [...linesOf(kept), 'after'].slice(-again.length), 'the end of what is there, once');
    // Marks are at 2 KiB and each four times as far: three quarters of what is kept may be behind the last one.
    const least = kept.length < 2048 ? 0 : kept.length / 4;
    const unread = kept.slice(0, kept.length + 6 - again.join('\n').length - 1).length;
    t.ok(unread >= least - 20, `${count} lines: ${unread} of ${kept.length} bytes were not read again`);
  }
});

void test('truncated and rewritten behind the same head, shorter and longer than before: all new lines (F10)', async (t) => {
  const head = numbered('the same head', 0, 300);
  for (const rest of ['x\n', 'one new line\n', numbered('new', 0, 40), numbered('new', 0, 400)]) {
    const logs = await follow(t);
    await logs.append('app.log', head + numbered('old', 0, 100));
    await logs.start();
    await writeFile(logs.path('app.log'), head + rest);
    await logs.look();

    const fresh = new Set(logs.context.texts.slice(400));
    t.ok(
      linesOf(rest).every((line) => fresh.has(line)),
      `${rest.length} new bytes`,
    );
  }
});

void test('truncated and grown past the old offset with the time of the last write put back (F9, F22)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'old line\n');
  await utimes(logs.path('app.log'), 1e9, 1e9);
  await logs.start();
  await writeFile(logs.path('app.log'), 'new one\nnew two\nnew three\n');
  await utimes(logs.path('app.log'), 1e9, 1e9);
  await logs.look();

  t.strictSame(logs.context.texts, ['old line', 'new one', 'new two', 'new three']);
});

void test('truncated while stopped and grown past the old offset behind the same head: new lines, none glued (F9, F10)', async (t) => {
  const logs = await follow(t);
  const head = numbered('the same head', 0, 100);
  await logs.append('app.log', `${head}old 1\nold 2\n`);
  await logs.start();
  await logs.stop();
  await writeFile(logs.path('app.log'), `${head}new 1\nnew 2\nnew 3\n`);
  await logs.restart();

  t.strictSame(logs.context.texts.slice(102), [...linesOf(head), 'new 1', 'new 2', 'new 3']);
});

void test('an inode used again by a file that begins as the old one did, while stopped (F12, F13)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'start\n');
  await new Promise((resolve) => setTimeout(resolve, 15)); // so that birth and last change differ
  await logs.append('app.log', 'old\n');
  await logs.start();
  await logs.stop();
  const { ino } = await stat(logs.path('app.log'));
  let isReused = false;
  for (let attempt = 0; attempt < 50 && !isReused; attempt++) {
    await unlink(logs.path('app.log'));
    await logs.append('app.log', 'start\n');
    isReused = (await stat(logs.path('app.log'))).ino === ino;
  }
  await new Promise((resolve) => setTimeout(resolve, 15));
  await logs.append('app.log', 'old\nnew\n');
  await logs.restart();

  t.comment(isReused ? 'the inode was used again' : 'this file system did not use the inode again');
  t.strictSame(logs.context.texts, ['start', 'old', 'start', 'old', 'new']);
});

void test('the device has another number since the last boot: nothing is read twice', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', numbered('line', 0, 3));
  await logs.append('app.log.1', numbered('rotated', 0, 3));
  await logs.restart({ include: [logs.path('app.log*')] });
  await logs.stop();
  logs.context.changePositions((position) => ({ ...position, device: '999999' }));
  await logs.append('app.log', 'more\n');
  await logs.restart();

  t.equal(logs.context.texts.length, 7);
});

void test('a rotated file that stays in the globs gives its unfinished line out once (F26)', async (t) => {
  const logs = await follow(t);
  await logs.restart({ include: [logs.path('app.log*')] });
  await logs.append('app.log', 'whole\nhalf');
  await logs.look();
  await logs.move('app.log', 'app.log.1');
  await logs.append('app.log', 'new\n');
  await logs.look();
  await logs.waitOutRotation();
  await logs.waitOutRotation();
  await logs.restart();

  t.strictSame(logs.context.texts.toSorted(), ['half', 'new', 'whole']);
  t.strictSame(logs.context.lines.find(({ text }) => text === 'half')?.metadata, [['partial', 'true']]);
});

void test('a file that left the globs, was quiet, and comes back is not read again', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\n');
  await logs.start();
  await logs.move('app.log', 'elsewhere');
  await logs.waitOutRotation();
  await logs.append('elsewhere', 'two\n');
  await logs.move('elsewhere', 'app.log');
  await logs.look();

  t.strictSame(logs.context.texts, ['one', 'two']);
});

void test('the target of a link switched while stopped: the rest of the old target is found (F16)', async (t) => {
  const logs = await follow(t);
  await mkdir(logs.path('r1'));
  await mkdir(logs.path('r2'));
  await logs.append('r1/app', 'one\n');
  await symlink('r1/app', logs.path('current.log'));
  await logs.start();
  await logs.stop();
  await logs.append('r1/app', 'two\n');
  await logs.append('r2/app', 'three\n');
  await unlink(logs.path('current.log'));
  await symlink('r2/app', logs.path('current.log'));
  await logs.restart();

  t.strictSame(logs.context.texts.toSorted(), ['one', 'three', 'two']);
});

void test('two inputs that name one file store its lines once; each leaves the other its files (F50)', async (t) => {
  const logs = await follow(t, {});
  await logs.restart({ include: [logs.path('a.log'), logs.path('both.log')] });
  const other = new FileInput(
    fileOptions.parse({ include: [logs.path('b.log'), logs.path('both.log')] }),
    logs.context,
    null,
  );
  t.teardown(() => other.stop());
  for (const name of ['a.log', 'b.log', 'both.log']) await logs.append(name, `${name}\n`);
  const both = async (): Promise<void> => {
    await logs.look();
    await other.scan();
    await other.drained();
  };
  await other.start();
  await both();
  await logs.stop();
  await other.stop();
  for (const name of ['a.log', 'b.log', 'both.log']) await logs.append(name, `${name} again\n`);
  await logs.restart();
  const again = new FileInput(
    fileOptions.parse({ include: [logs.path('b.log'), logs.path('both.log')] }),
    logs.context,
    null,
  );
  t.teardown(() => again.stop());
  await again.start();
  await again.drained();

  t.strictSame(
    logs.context.texts.toSorted(),
    ['a.log', 'b.log', 'both.log'].flatMap((name) => [name, `${name} again`]).toSorted(),
  );
  t.strictSame(logs.context.gaps, []);
});

void test('a glob that was taken out and is put back: its files go on where they stopped (F50)', async (t) => {
  const logs = await follow(t, {});
  const both = { include: [logs.path('a.log'), logs.path('b.log')] };
  await logs.restart(both);
  await logs.append('a.log', 'a 1\n');
  await logs.append('b.log', 'b 1\n');
  await logs.look();
  await logs.restart({ include: [logs.path('a.log')] });
  await logs.append('b.log', 'b 2\n');
  await logs.look();
  await logs.restart(both);

  t.strictSame(logs.context.texts, ['a 1', 'b 1', 'b 2']);
  t.strictSame(logs.context.gaps, []);
});

void test('the scan goes on while the store takes nothing: files that rotate away meanwhile are held (F64)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\n');
  await logs.start();
  const release = logs.context.hold();
  await logs.append('app.log', numbered('first', 0, 10));
  await logs.input.scan();
  await logs.move('app.log', 'gone');
  await logs.append('app.log', numbered('second', 0, 10));
  await logs.input.scan();
  await logs.move('app.log', 'gone');
  await logs.input.scan();
  await unlink(logs.path('gone'));
  logs.context.clock.advance(61_000);
  await logs.input.scan();
  release();
  await logs.look();

  t.equal(logs.context.texts.length, 21);
});

void test('a deleted file is held as long as it may be, then the rest is a gap of known length (F23)', async (t) => {
  const logs = await follow(t, { deleted_hold_time: '1h', rotate_wait: '1s' });
  await logs.append('app.log', 'one\n');
  await logs.start();
  const release = logs.context.hold();
  await logs.append('app.log', 'x\n'.repeat(300_000));
  await logs.input.scan();
  await unlink(logs.path('app.log'));
  await logs.input.scan();
  logs.context.clock.advance(3_599_000);
  await logs.input.scan();
  t.strictSame(logs.context.gaps, []);
  logs.context.clock.advance(2000);
  await logs.input.scan();
  release();
  await logs.look();

  const read = logs.context.texts.length;
  t.match(logs.context.gaps, [{ startOffset: 4 + (read - 1) * 2, endOffset: 600_004, reason: 'deleted' }]);
});

void test('renamed over, with the rest of the old and the new replaced at once again (F15)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\n');
  await logs.start();
  await logs.append('app.log', 'old tail\n');
  for (const round of [1, 2, 3]) {
    await writeFile(join(logs.directory, 'draft'), `head ${round}\n`);
    await rename(join(logs.directory, 'draft'), logs.path('app.log'));
    await logs.look();
  }

  t.strictSame(logs.context.texts.toSorted(), ['head 1', 'head 2', 'head 3', 'old tail', 'one']);
});
