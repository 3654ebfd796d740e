/** What is stored of a file is held against the file, wherever rotation has taken it. */
import { appendFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { test } from 'tap';
import { checkSource } from '../../../src/inputs/file/source-check.ts';
import { type Followed, follow, numbered } from './followed.ts';

async function check(logs: Followed) {
  const [position] = await logs.context.knownPositions();
  if (position === undefined) throw new Error('no position is stored');
  return checkSource(position, 'utf-8', 1024 * 1024);
}

void test('renamed, packed or unpacked again: the lines before the position are counted in what there is of it', async (t) => {
  for (const kind of ['gz', 'zst'] as const) {
    const logs = await follow(t);
    await logs.append('app.log', `${numbered('line', 0, 40_000)}\n\n${numbered('line', 40_000, 50_000)}`);
    await logs.start();
    await logs.stop();
    const counted = { kind: 'counted', lines: 50_000, emptyLines: 2 };
    t.match(await check(logs), { ...counted, path: logs.path('app.log') });
    await appendFile(logs.path('app.log'), 'not read\n');
    await logs.move('app.log', 'app.log.1');
    t.match(await check(logs), { ...counted, path: logs.path('app.log.1') });
    await logs.pack('app.log.1', kind);
    t.match(await check(logs), { ...counted, path: logs.path(`app.log.1.${kind}`) });
    await unlink(logs.path(`app.log.1.${kind}`));
    t.strictSame(await check(logs), { kind: 'gone' });
  }
});

void test('only what was read is counted: from where reading began, in the encoding of the mark', async (t) => {
  const logs = await follow(t, { from: 'end' });
  await writeFile(logs.path('app.log'), Buffer.from(`\ufeff${numbered('history', 0, 100)}`, 'utf16le'));
  await logs.start();
  await logs.append('app.log', Buffer.from(numbered('new', 0, 10), 'utf16le'));
  await logs.look();
  t.match(await check(logs), { kind: 'counted', lines: 10 });
  await logs.stop();
  await logs.move('app.log', 'app.log.1');
  await logs.pack('app.log.1');

  t.match(await check(logs), { kind: 'counted', lines: 10, path: logs.path('app.log.1.gz') });
});

void test('a file that was truncated or has other content is not counted', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', numbered('line', 0, 100));
  await logs.start();
  await logs.stop();
  await truncate(logs.path('app.log'), 50);
  t.strictSame(await check(logs), { kind: 'gone' });
  await writeFile(logs.path('app.log'), numbered('other', 0, 200));
  t.strictSame(await check(logs), { kind: 'gone' });
});
