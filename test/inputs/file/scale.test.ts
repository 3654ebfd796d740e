/** Large files, odd bytes, one busy file among many: bounded memory and time, and every line all the same. */
import { appendFile, mkdir, open, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { type Test, test } from 'tap';
import { openFilesLimit } from '../../../src/inputs/file/open-files.ts';
import { follow } from './followed.ts';

const MiB = 1024 * 1024;

void test('the limit on open files is what the process has, less what the daemon needs itself (F19)', async (t) => {
  const limits = 'Max open files            256                  256                  files     \n';

  t.equal(openFilesLimit(4096, limits), 160);
  t.equal(openFilesLimit(50, limits), 50);
  t.equal(openFilesLimit(4096, 'Max open files            64        64        files\n'), 16);
  t.equal(openFilesLimit(4096, ''), 4096);
});

for (const isWatching of [false, true]) {
  const how = isWatching ? 'woken by the watcher too' : 'by the scan alone, as when the watcher is mute (F21)';
  void test(`one busy file among a hundred, ${how}: the others are read within a round, not behind it (F20)`, (t) =>
    isFair(t, isWatching));
}

async function isFair(t: Test, isWatching: boolean): Promise<void> {
  const logs = await follow(t, {}, isWatching);
  const names = Array.from({ length: 99 }, (_, index) => `slow-${index}.log`);
  for (const name of ['busy.log', ...names]) await logs.append(name, 'begins\n');
  await logs.start();
  const release = logs.context.hold(); // until all has been written: what is read early says nothing
  await logs.append('busy.log', `${'b'.repeat(99)}\n`.repeat(200_000));
  for (const name of names) await logs.append(name, `slow ${name}\n`);
  await logs.input.scan();
  release();
  await logs.look();

  const lastSlow = logs.context.texts.findLastIndex((text) => text.startsWith('slow'));
  t.equal(logs.context.texts.length, 100 + 200_000 + 99);
  // Each round reads a chunk (256 KiB, 2,622 lines) of each file that has more.
  t.ok(lastSlow < 100 + 10 * 2622, `the last of the slow lines came behind ${lastSlow} others`);
}

void test('offsets beyond two and four gigabytes: read, restarted, truncated and read again (F24, F29)', async (t) => {
  const logs = await follow(t, { from: 'end' });
  for (const size of [2 ** 31 - 2, 2 ** 32 + 1]) {
    const name = `at-${size}.log`;
    await truncate(await logs.made(name), size); // a hole: it takes no space
    await logs.append(name, '\n');
  }
  await logs.start();
  for (const size of [2 ** 31 - 2, 2 ** 32 + 1]) await logs.append(`at-${size}.log`, `first of ${size}\n`);
  await logs.look();
  await logs.restart();
  for (const size of [2 ** 31 - 2, 2 ** 32 + 1]) await logs.append(`at-${size}.log`, `second of ${size}\n`);
  await logs.look();

  t.strictSame(logs.context.texts.toSorted(), [
    'first of 2147483646',
    'first of 4294967297',
    'second of 2147483646',
    'second of 4294967297',
  ]);
  const ends = logs.context.lines.map(({ endOffset }) => endOffset).toSorted((a, b) => a - b);
  t.strictSame(ends.slice(0, 2), [2 ** 31 - 1 + 20, 2 ** 31 - 1 + 41], 'each line ends where it does in the file');

  await truncate(logs.path(`at-${2 ** 32 + 1}.log`));
  await logs.append(`at-${2 ** 32 + 1}.log`, 'new\n');
  await logs.look();
  t.equal(logs.context.texts.at(-1), 'new');
});

void test('a line of 100 MB: its beginning is stored and marked, the rest is a stated cut, the next line is whole (F24)', async (t) => {
  const logs = await follow(t, { max_line_bytes: '64KiB' });
  const file = await open(logs.path('app.log'), 'w');
  await file.write('before\n');
  const part = Buffer.alloc(MiB, 0x78);
  for (let index = 0; index < 100; index++) await file.write(part);
  await logs.start();
  const memory = process.memoryUsage().arrayBuffers;
  t.equal(logs.context.texts.at(-1)?.length, 65_536, 'before the line has ended');
  await logs.restart();
  await file.write('\nafter\n');
  await file.close();
  await logs.look();

  t.strictSame([logs.context.lines.length, logs.context.texts[0], logs.context.texts[2]], [3, 'before', 'after']);
  t.strictSame(logs.context.lines[1]?.metadata, [['truncated', 'true']]);
  const cut = logs.context.gaps.map(({ startOffset, endOffset }) => (endOffset ?? 0) - startOffset);
  t.equal(
    cut.reduce((a, b) => a + b, 0),
    100 * MiB - 65_536 + 1,
    'every byte that is in no row is in a gap',
  );
  t.equal(await logs.context.count('input_truncated_lines_total'), 1);
  t.ok(memory < 64 * MiB, `${memory} bytes of buffers`);
});

void test('lines of a byte, of 64 kB and of a megabyte are whole (F24)', async (t) => {
  const logs = await follow(t);
  const lines = [1, 64_000, 1_000_000, MiB, 1].map((length, index) => String(index).repeat(length));
  await logs.append('app.log', `${lines.join('\n')}\n`);
  await logs.start();

  t.strictSame(
    logs.context.lines.map(({ text, metadata }) => [text.length, text[0], metadata]),
    [
      [1, '0', undefined],
      [64_000, '1', undefined],
      [1_000_000, '2', undefined],
      [MiB, '3', undefined],
      [1, '4', undefined],
    ],
  );
});

void test('a hole of 500 MB that a truncation left: counted, not kept, the next line whole (F29)', async (t) => {
  const logs = await follow(t);
  const file = await open(logs.path('app.log'), 'w');
  const holeBytes = 500 * MiB;
  await file.write('first\n');
  await logs.start();
  await truncate(logs.path('app.log'));
  await file.write('behind the hole\nnext\n', holeBytes);
  await file.close();
  await logs.look();

  t.strictSame(logs.context.texts, ['first', 'behind the hole', 'next']);
  t.strictSame(logs.context.lines[1]?.metadata, [['nul_bytes', String(holeBytes)]]);
});

void test('a byte order mark decides the encoding; without one the option does (F30)', async (t) => {
  const logs = await follow(t, {});
  await writeFile(logs.path('le.log'), Buffer.from('\ufeffgr\u00fc\u00df\n', 'utf16le'));
  await writeFile(logs.path('be.log'), Buffer.from('\ufeffgr\u00fc\u00df\n', 'utf16le').swap16());
  await logs.start();
  await appendFile(logs.path('le.log'), Buffer.from('more\n', 'utf16le'));
  await logs.restart();
  t.strictSame(logs.context.texts.toSorted(), ['gr\u00fc\u00df', 'gr\u00fc\u00df', 'more']);

  const latin = await follow(t, { encoding: 'latin1' });
  await writeFile(latin.path('a.log'), Buffer.from([0x67, 0x72, 0xfc, 0xdf, 0x0a]));
  await latin.start();
  t.strictSame(latin.context.texts, ['gr\u00fc\u00df']);

  const wide = await follow(t, { encoding: 'utf-16le' });
  await writeFile(wide.path('a.log'), Buffer.from('no mark\nhalf', 'utf16le'));
  await wide.start();
  await wide.restart();
  await appendFile(wide.path('a.log'), Buffer.from(' line\n', 'utf16le'));
  await wide.look();
  t.strictSame(wide.context.texts, ['no mark', 'half line']);
});

void test('NULs that a crash left in a text file do not make it binary (F29)', async (t) => {
  const logs = await follow(t);
  await writeFile(
    logs.path('app.log'),
    Buffer.concat([Buffer.from('before\n'), Buffer.alloc(300), Buffer.from('after\n')]),
  );
  await logs.start();

  t.strictSame(logs.context.texts, ['before', 'after']);
});

void test('from: checkpoint skips history on the very first start, and reads what came while stopped later', async (t) => {
  const logs = await follow(t, { from: 'checkpoint' });
  await logs.append('old.log', 'history\nunfinished');
  await logs.start();
  await logs.append('old.log', ' line\n');
  await logs.look();
  await logs.stop();
  await logs.append('fresh.log', 'came while stopped\n');
  await logs.append('ancient.log', 'long before\n');
  await utimes(logs.path('ancient.log'), 1e9, 1e9);
  await logs.restart();

  t.strictSame(logs.context.texts, ['unfinished line', 'came while stopped']);
});

void test('ignore_older: a file last written long ago is read from its end, and goes on from there', async (t) => {
  const logs = await follow(t, { ignore_older: '7d' });
  logs.context.clock.setWallClock(new Date().toISOString());
  await logs.append('old.log', 'history\n');
  await utimes(logs.path('old.log'), 1e9, 1e9);
  await logs.append('new.log', 'fresh\n');
  await logs.start();
  await logs.append('old.log', 'written again\n');
  await logs.look();
  await logs.restart();

  t.strictSame(logs.context.texts, ['fresh', 'written again']);
});

void test('our own directory is refused by whatever name it is reached (F68)', async (t) => {
  const logs = await follow(t);
  await mkdir(logs.path('own'));
  await logs.append('own/regression.log', 'ours\n');
  await symlink(logs.path('own/regression.log'), logs.path('linked.log'));
  logs.context.ownPaths.push(logs.path('own'));
  await logs.restart({ include: [logs.path('**/*.log')] });

  t.strictSame(logs.context.texts, []);
  t.match(logs.context.warnings, [/it is the daemon's own/]);
});
