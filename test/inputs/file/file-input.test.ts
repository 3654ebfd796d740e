/**
 * What happens to log files, on real files. The watcher is left out: the scan alone must be right (F21); a test of its own and the
 * end-to-end tests have it on.
 */
import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  open,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import { test } from 'tap';
import { FileInput } from '../../../src/inputs/file/file-input.ts';
import { fileOptions } from '../../../src/inputs/file/options.ts';
import { tempDir } from '../../temp-dir.ts';
import { RecordingContext } from '../recording-context.ts';
import { follow } from './followed.ts';

void test('lines that are there and lines that come are handed on once', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\ntwo\n');
  await logs.start();
  await logs.append('app.log', 'three\n');
  await logs.look();
  await logs.look();

  t.strictSame(logs.context.texts, ['one', 'two', 'three']);
});

void test('a file that appears later is read from its beginning, also with from: end', async (t) => {
  const logs = await follow(t, { from: 'end' });
  await logs.append('old.log', 'before\n');
  await logs.start();
  await logs.append('old.log', 'after\n');
  await logs.append('new.log', 'first\n');
  await logs.look();
  await logs.restart();

  t.strictSame(logs.context.texts.toSorted(), ['after', 'first']);
});

void test('an empty file, one byte, and a line that gets its newline a minute later (F14)', async (t) => {
  const logs = await follow(t);
  await logs.append('empty.log', '');
  await logs.append('byte.log', 'x');
  await logs.start();
  t.strictSame(logs.context.texts, [], 'an unfinished line waits');
  logs.context.clock.advance(60_000);
  await logs.append('byte.log', 'yz\n');
  await logs.append('empty.log', 'first\n');
  await logs.look();

  t.strictSame(logs.context.texts.toSorted(), ['first', 'xyz']);
});

void test('half a line, a restart, the other half: one row (F25)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'whole\nhal');
  await logs.start();
  await logs.restart();
  await logs.append('app.log', 'f\n');
  await logs.look();

  t.strictSame(logs.context.texts, ['whole', 'half']);
});

void test('a restart goes on where the store stopped', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\n');
  await logs.start();
  await logs.stop();
  await logs.append('app.log', 'two\n');
  await logs.restart();

  t.strictSame(logs.context.texts, ['one', 'two']);
  t.equal(new Set(logs.context.lines.map(({ generation }) => generation)).size, 1, 'it is one generation');
});

void test('rename rotation with unread lines loses none (F1)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'read\n');
  await logs.start();
  await logs.append('app.log', 'unread\n'.repeat(10_000));
  await logs.move('app.log', 'app.log.1');
  await logs.append('app.log', 'new\n');
  await logs.look();

  t.equal(logs.context.texts.filter((text) => text === 'unread').length, 10_000);
  t.strictSame([logs.context.texts[0], logs.context.texts.includes('new')], ['read', true]);
});

void test('ten renames between two looks, .1 becoming .2 each time, with the rotated names followed (F2)', async (t) => {
  const logs = await follow(t, {});
  await logs.restart({ include: [join(logs.directory, 'app.log*')] });
  for (let rotation = 0; rotation < 10; rotation++) {
    await logs.append('app.log', `line ${rotation}\n`);
    if (rotation === 4) await logs.look();
    for (let index = rotation; index > 0; index--) await logs.move(`app.log.${index}`, `app.log.${index + 1}`);
    await logs.move('app.log', 'app.log.1');
  }
  await logs.look();

  t.strictSame(
    logs.context.texts.toSorted(),
    Array.from({ length: 10 }, (_, index) => `line ${index}`),
  );
  const last = (await logs.context.knownPositions()).find(({ path }) => path.endsWith('.10'));
  t.ok(last, 'the oldest is known under the name it has now');
});

void test('the old file is read on while its program still writes to it (F3)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\n');
  await logs.start();
  const writer = await open(logs.path('app.log'), 'a');
  t.teardown(() => writer.close());
  await logs.move('app.log', 'app.log.1');
  await logs.append('app.log', 'new\n');
  await logs.look();
  for (let second = 0; second < 30; second++) {
    logs.context.clock.advance(1000);
    await writer.appendFile(`late ${second}\n`);
    await logs.look();
  }

  t.equal(logs.context.texts.filter((text) => text.startsWith('late')).length, 30);
  t.ok(logs.context.texts.includes('new'));
});

void test('a file rotated out of the glob and deleted while unread is read to its end (F4, F5)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\n');
  await logs.start();
  await logs.append('app.log', 'tail\n'.repeat(1000));
  await logs.move('app.log', 'app.old');
  await unlink(logs.path('app.old'));
  await logs.waitOutRotation();

  t.equal(logs.context.texts.length, 1001);
  t.ok((await logs.context.knownPositions())[0]?.isEnded, 'its generation is over');
});

void test('renamed while the daemon was down: the rest is found by its inode', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\n');
  await logs.start();
  await logs.stop();
  await logs.append('app.log', 'two\n');
  await logs.move('app.log', 'app.old');
  await logs.append('app.log', 'three\n');
  await logs.restart();

  t.strictSame(logs.context.texts.toSorted(), ['one', 'three', 'two']);
});

void test('deleted while the daemon was down: what is lost is said', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\n');
  await logs.start();
  await logs.stop();
  await unlink(logs.path('app.log'));
  await logs.restart();
  await logs.restart();

  t.match(logs.context.gaps, [{ path: logs.path('app.log'), startOffset: 4, endOffset: null, reason: 'deleted' }]);
  t.equal(logs.context.gaps.length, 1, 'once');
  t.match(logs.context.warnings, [/is gone since the last run/]);
});

void test('half a line, then rotation: the fragment is stored once, marked, and not glued to the new file (F26)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'whole\nhalf');
  await logs.start();
  await logs.move('app.log', 'app.old');
  await logs.append('app.log', 'new\n');
  await logs.waitOutRotation();
  await logs.restart();

  t.strictSame(logs.context.texts.toSorted(), ['half', 'new', 'whole']);
  t.strictSame(logs.context.lines.find(({ text }) => text === 'half')?.metadata, [['partial', 'true']]);
});

void test('copytruncate of a quiet file: every line once, and the copy is not read again (F7)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\ntwo\n');
  await utimes(logs.path('app.log'), 1e9, 1e9);
  await logs.start();
  await copyFile(logs.path('app.log'), logs.path('app.log.1'));
  await truncate(logs.path('app.log'));
  await logs.look();
  await logs.append('app.log', 'three\n');
  await logs.look();

  t.strictSame(logs.context.texts, ['one', 'two', 'three']);
  t.strictSame(logs.context.gaps, []);
});

void test('truncated and grown past the old offset before we look: told by the bytes (F9)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'old line\n');
  await logs.start();
  await writeFile(logs.path('app.log'), 'new one\nnew two\nnew three\n');
  await utimes(logs.path('app.log'), 1e9, 2e9);
  await logs.look();

  t.strictSame(logs.context.texts, ['old line', 'new one', 'new two', 'new three']);
});

void test('truncated and rewritten with the same first bytes (F10)', async (t) => {
  const logs = await follow(t);
  const head = `${'same header '.repeat(400)}\n`;
  await logs.append('app.log', `${head}one\ntwo\n`);
  await logs.start();
  await writeFile(logs.path('app.log'), `${head}three\n`);
  await logs.look();

  t.strictSame(logs.context.texts.slice(1), ['one', 'two', head.slice(0, -1), 'three']);
});

void test('unread bytes that a truncation took are a stated gap with its range (F8)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\n');
  await logs.start();
  const readBefore = await logs.context.count('input_bytes_total');
  const release = logs.context.hold();
  await logs.append('app.log', `${'x'.repeat(99)}\n`.repeat(6000)); // more than one read: the rest is unread when it goes
  const looking = logs.look();
  while ((await logs.context.count('input_bytes_total')) === readBefore) await new Promise(setImmediate);
  await truncate(logs.path('app.log'));
  release();
  await looking;
  await logs.look();
  await logs.append('app.log', 'after\n');
  await logs.look();

  const readBytes = 4 + 256 * 1024;
  t.match(logs.context.gaps, [
    { path: logs.path('app.log'), startOffset: readBytes, endOffset: 600_004, reason: 'truncated' },
    { startOffset: 600_004, endOffset: null, reason: 'truncated' },
  ]);
  const whole = logs.context.lines.filter(({ metadata }) => metadata === undefined).length;
  t.equal(whole, 2 + Math.floor((256 * 1024) / 100), 'every line that was read whole is there');
  t.equal(logs.context.texts.at(-1), 'after');
});

void test('deleted and created anew, inode used again or not: the new file from its beginning (F12)', async (t) => {
  const logs = await follow(t);
  let isReused = false;
  await logs.append('app.log', 'line 0\n');
  await logs.start();
  for (let round = 1; round <= 20; round++) {
    const { ino } = await stat(logs.path('app.log'));
    await unlink(logs.path('app.log'));
    await logs.append('app.log', `line ${round}\n`);
    isReused ||= (await stat(logs.path('app.log'))).ino === ino;
    await logs.look();
  }

  t.strictSame(
    logs.context.texts,
    Array.from({ length: 21 }, (_, index) => `line ${index}`),
  );
  t.comment(isReused ? 'an inode was used again' : 'no inode was used again: the descriptor held keeps it');
});

void test('an inode used again while the daemon was down is told by its content (F12)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'the old file\n');
  await logs.start();
  await logs.stop();
  await writeFile(logs.path('app.log'), 'another file, the same inode\n');
  await logs.restart();

  t.strictSame(logs.context.texts, ['the old file', 'another file, the same inode']);
});

void test('two files with the same first 64 kB are two files (F13)', async (t) => {
  const logs = await follow(t);
  const head = 'the same line\n'.repeat(5000);
  await logs.append('a.log', `${head}only a\n`);
  await logs.append('b.log', `${head}only b\n`);
  await logs.start();
  await logs.restart();

  t.equal(logs.context.texts.length, 10_002);
  t.ok(logs.context.texts.includes('only a') && logs.context.texts.includes('only b'));
});

void test('replaced by rename-over: the rest of the old and the whole new one (F15)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\n');
  await logs.start();
  await logs.append('app.log', 'old tail\n');
  await logs.append('draft', 'new head\n');
  await logs.move('draft', 'app.log');
  await logs.look();

  t.strictSame(logs.context.texts.toSorted(), ['new head', 'old tail', 'one']);
});

void test('a link that is switched a hundred times, and two links to one file: each line once, also the last ones of the old target (F16)', async (t) => {
  const logs = await follow(t);
  await logs.append('release-0', 'release 0\n');
  await symlink('release-0', logs.path('current.log'));
  await symlink('release-0', logs.path('same.log'));
  await logs.start();
  for (let release = 1; release <= 100; release++) {
    await logs.append(`release-${release}`, `release ${release}\n`);
    await logs.append(`release-${release - 1}`, `last of ${release - 1}\n`);
    await symlink(`release-${release}`, logs.path('next'));
    await logs.move('next', 'current.log');
    await logs.look();
  }

  const releases = Array.from({ length: 101 }, (_, index) => `release ${index}`);
  const last = Array.from({ length: 100 }, (_, index) => `last of ${index}`);
  t.strictSame(logs.context.texts.toSorted(), [...releases, ...last].toSorted());
});

void test('one unreadable file of a hundred: the others are read, and it is once it may be (F18)', async (t) => {
  const logs = await follow(t);
  const names = Array.from({ length: 100 }, (_, index) => `app-${index}.log`);
  for (const name of names) await logs.append(name, `first ${name}\n`);
  await chmod(logs.directory, 0o755);
  await logs.start();
  const unreadable = logs.path('app-50.log');
  await chmod(unreadable, 0o000);
  await logs.stop(); // with its descriptor it could be read on
  for (const name of names) await logs.append(name, `second ${name}\n`).catch(() => undefined);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534); // root may read everything
  t.teardown(() => {
    if (isRoot) process.seteuid?.(0);
  });
  await logs.restart();
  logs.context.clock.advance(30_000);
  await logs.look();

  t.equal(logs.context.texts.length, 199);
  t.match(logs.context.warnings, [/cannot read .*app-50\.log .*EACCES/]);
  if (isRoot) process.seteuid?.(0);
  await chmod(unreadable, 0o644);
  if (!isRoot) await logs.append('app-50.log', 'second app-50.log\n');
  await logs.look();

  t.equal(new Set(logs.context.texts).size, 200, 'every line');
  t.equal(logs.context.texts.length, 200, 'once');
  t.strictSame(logs.context.gaps, []);
});

void test('a directory that comes later, goes and comes again (F17)', async (t) => {
  const logs = await follow(t);
  const directory = join(logs.directory, 'later', 'deep');
  await logs.restart({ include: [join(directory, '*.log')] });
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'a.log'), 'first\n');
  await logs.look();
  await rm(directory, { recursive: true });
  await logs.look();
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'a.log'), 'second\n');
  await logs.look();

  t.strictSame(logs.context.texts, ['first', 'second']);
});

void test('wall clock and mtime may go backwards (F22)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\n');
  await logs.start();
  logs.context.clock.setWallClock('2020-01-01T00:00:00Z');
  await logs.append('app.log', 'two\n');
  await utimes(logs.path('app.log'), 1, 1);
  await logs.look();
  await logs.append('app.log', 'three\n');
  await utimes(logs.path('app.log'), 1, 1);
  await logs.look();

  t.strictSame(logs.context.texts, ['one', 'two', 'three']);
});

void test('a directory, a binary file, a compressed one and our own are left alone and said once; the rest goes on', async (t) => {
  const logs = await follow(t);
  logs.context.ownPaths.push(logs.path('own.log'));
  await mkdir(logs.path('dir.log'));
  await logs.append('binary.log', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0, 1, 2, 0, 0]));
  await logs.append('packed.log', gzipSync('hello\n'));
  await logs.append('own.log', 'ours\n');
  await logs.append('good.log', 'good\n');
  await logs.start();
  await logs.look();

  t.strictSame(logs.context.texts, ['good']);
  t.match(logs.context.warnings.toSorted(), [
    /binary\.log is not followed: it is a binary file/,
    /dir\.log is a directory, not a file/,
    /own\.log is not followed: it is the daemon's own/,
    /packed\.log is not followed: it is compressed \(gzip\)/,
  ]);
});

void test('back-pressure: nothing more is read while the pipeline has no room', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'line\n'.repeat(300_000));
  const release = logs.context.hold();
  const started = logs.start();
  await new Promise((resolve) => setImmediate(resolve));
  const readWhileHeld = await logs.context.count('input_bytes_total');
  release();
  await started;

  t.ok(readWhileHeld <= 256 * 1024, `read one chunk at most: ${readWhileHeld}`);
  t.equal(logs.context.texts.length, 300_000);
});

void test('the watcher makes a look happen without waiting for the scan', async (t) => {
  const directory = await tempDir(t);
  const context = new RecordingContext(); // its clock stands still: the periodic scan never comes
  const input = new FileInput(fileOptions.parse({ include: [join(directory, '*.log')] }), context);
  t.teardown(() => input.stop());
  await input.start();
  const until = async (count: number): Promise<void> => {
    while (context.lines.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  // chokidar needs a moment until it sees a directory; a file made before that is found by the scan.
  while (context.lines.length === 0) {
    await appendFile(join(directory, 'app.log'), 'again\n');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const before = context.lines.length;
  await appendFile(join(directory, 'app.log'), 'woken\n');
  await until(before + 1);

  t.ok(context.texts.includes('woken'));
});
