/** Files that begin alike: copies in the making, copies that stay, and files of their own that nobody may pass over. */
import { copyFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { test } from 'tap';
import { follow, linesOf, numbered } from './followed.ts';

const banner = numbered('the same banner of every start', 0, 60);

void test('a copy half written beside a rotated file, names not followed: its lines are not there twice (F8)', async (t) => {
  for (const share of [0.1, 0.4, 0.8]) {
    const logs = await follow(t);
    const text = banner + numbered('old', 0, 2000);
    await logs.append('other.log', 'other\n');
    await logs.append('app.log', text);
    await logs.start();
    await logs.stop();
    // Another file of the path has rotated away, so that files behind it are looked for; then a copy has begun.
    await logs.move('app.log', 'app.log.2');
    await logs.append('app.log', numbered('second', 0, 10));
    await logs.restart();
    await logs.append('app.log.1', text.slice(0, Math.floor(text.length * share)));
    await logs.look();
    logs.context.clock.advance(1000);
    await logs.look();
    await logs.append('app.log.1', text.slice(Math.floor(text.length * share)));
    await logs.waitOutRotation();
    await logs.waitOutRotation();
    await logs.restart();

    t.strictSame(
      logs.context.texts.toSorted(),
      ['other', ...linesOf(text + numbered('second', 0, 10))].toSorted(),
      `${share}`,
    );
  }
});

void test('an unseen file, shorter than a known one and with the same head, is read (F13)', async (t) => {
  for (const isStopped of [true, false]) {
    for (const isGone of [true, false]) {
      const logs = await follow(t);
      await logs.append('app.log', banner + numbered('long', 0, 500));
      await logs.start();
      if (isStopped) await logs.stop();
      await logs.move('app.log', 'app.log.2');
      await logs.append('app.log', banner + numbered('short', 0, 5));
      await logs.move('app.log', 'app.log.1');
      await logs.append('app.log', banner + numbered('third', 0, 5));
      if (isGone) await unlink(logs.path('app.log.2'));
      if (isStopped) await logs.restart();
      await logs.look();
      logs.context.clock.advance(6000);
      await logs.look();

      const texts = logs.context.texts.filter((text) => !text.includes('banner'));
      const wanted = linesOf(numbered('long', 0, 500) + numbered('short', 0, 5) + numbered('third', 0, 5));
      t.strictSame(texts.toSorted(), wanted.toSorted(), `stopped ${isStopped}, the known one gone ${isGone}`);
    }
  }
});

void test('a copy that somebody made of a log is not read as a file that rotated away (F13)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', banner + numbered('first', 0, 10));
  await logs.start();
  await copyFile(logs.path('app.log'), logs.path('app.log.bak'));
  await logs.append('app.log', numbered('first', 10, 20));
  await logs.look();
  await logs.move('app.log', 'app.log.1');
  await logs.append('app.log', numbered('second', 0, 10));
  await logs.look();
  await logs.waitOutRotation();
  await logs.restart();
  await logs.waitOutRotation();

  t.strictSame(logs.context.texts, linesOf(banner + numbered('first', 0, 20) + numbered('second', 0, 10)));
});

void test('a copy under way is not read as a file of its own, whenever it is seen (F8)', async (t) => {
  const logs = await follow(t);
  await logs.restart({ include: [logs.path('app.log*')] });
  const text = numbered('old', 0, 2000);
  await logs.append('app.log', text);
  await logs.look();
  for (let at = 0; at < text.length; at += 9000) {
    await logs.append('app.log.1', text.slice(at, at + 9000));
    logs.context.clock.advance(1000);
    await logs.look();
  }
  await truncate(logs.path('app.log'));
  await logs.look();
  await logs.append('app.log', 'new\n');
  await logs.look();
  await logs.restart();

  t.strictSame(logs.context.texts, [...linesOf(text), 'new']);
});

void test('a file that begins as another and goes its own way is read, and so is one that stays a copy (F13)', async (t) => {
  const logs = await follow(t);
  await logs.restart({ include: [logs.path('app*')] });
  await logs.append('app.log', numbered('same', 0, 50));
  await logs.look();
  await copyFile(logs.path('app.log'), logs.path('app.log.2'));
  await copyFile(logs.path('app.log'), logs.path('app.log.3'));
  await logs.look();
  await logs.append('app.log.2', 'its own\n');
  await logs.look();
  t.equal(logs.context.texts.length, 101, 'the one that differs is read at once');
  logs.context.clock.advance(6000);
  await logs.look();

  t.equal(logs.context.texts.length, 151, 'the other after it has stood still');
});

void test('a rotated file whose end the store has not taken yet is not met as a new one (F64)', async (t) => {
  const logs = await follow(t);
  await logs.restart({ include: [logs.path('app.log*')] });
  await logs.append('app.log', 'one\ntwo\nhalf');
  await logs.look();
  await logs.move('app.log', 'app.log.1');
  await logs.look();
  logs.context.clock.advance(61_000);
  const release = logs.context.hold();
  for (let scan = 0; scan < 3; scan++) await logs.input.scan();
  await writeFile(logs.path('app.log'), 'new\n');
  await logs.input.scan();
  release();
  await logs.look();
  await logs.restart();

  t.strictSame(logs.context.texts.toSorted(), ['half', 'new', 'one', 'two']);
});
