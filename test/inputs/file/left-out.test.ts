/** What the input says of files that its globs name and that it does not follow. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { Random } from '../../random.ts';
import { tempDir } from '../../temp-dir.ts';
import { follow } from './followed.ts';

void test('files that are left out are told with the reason, for as long as there is one (F68)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', 'one\n');
  await writeFile(logs.path('noise.log'), Buffer.from([1, 2, 3, 0, 1, 2, 3, 4, 0, 5]));
  await logs.append('own.log', 'of the daemon\n');
  logs.context.ownPaths.push(logs.path('own.log'));
  await mkdir(logs.path('directory.log'));
  await logs.start();
  const leftOut = (): object =>
    Object.fromEntries(logs.input.files().leftOut.map(({ path, reason }) => [path, reason]));
  const others = {
    [logs.path('own.log')]: "it is the daemon's own",
    [logs.path('directory.log')]: 'it is not a regular file',
  };
  t.strictSame(leftOut(), { ...others, [logs.path('noise.log')]: 'it is a binary file' });
  await logs.look();
  t.strictSame(
    leftOut(),
    { ...others, [logs.path('noise.log')]: 'it is a binary file' },
    'also when nobody looked into them again',
  );

  await writeFile(logs.path('noise.log'), 'text by now\n');
  await logs.look();

  t.strictSame(leftOut(), others);
  t.strictSame(logs.context.texts, ['one', 'text by now']);
});

void test('a directory that a glob leads through and that cannot be read is told as well', async (t) => {
  const unreadable = join(await tempDir(t), 'x'.repeat(300)); // longer than any file system has names: refused to root, too
  const logs = await follow(t, { include: [join(unreadable, '*.log')] });
  await logs.start();

  t.match(logs.input.files().leftOut, [{ path: unreadable, reason: /^it cannot be read/, code: 'ENAMETOOLONG' }]);
});

void test('bytes that any program may have written are no text, whatever they are', async (t) => {
  const random = new Random(1);
  const logs = await follow(t);
  for (let file = 0; file < 50; file++) {
    await writeFile(logs.path(`${file}.log`), Buffer.from(Array.from({ length: 1500 }, () => random.integer(0, 255))));
  }
  await logs.start();

  t.strictSame(logs.context.texts, []);
  t.equal(logs.input.files().leftOut.length, 50);
});
