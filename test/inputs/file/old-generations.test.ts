/** Positions of files that are long gone are forgotten; nothing else is. */
import { mkdir, rename, rm, unlink } from 'node:fs/promises';
import { test } from 'tap';
import { type Followed, follow, linesOf, numbered } from './followed.ts';

const dayMs = 24 * 3_600_000;

/** `app.log` has ended under another name, and the time for that has passed. */
async function afterRotation(logs: Followed, name: string): Promise<void> {
  await logs.append('app.log', numbered('old', 0, 100));
  await logs.start();
  await logs.move('app.log', name);
  await logs.waitOutRotation();
  await logs.append('app.log', 'new\n');
  await logs.look();
}

const known = async (logs: Followed): Promise<string[]> =>
  (await logs.context.knownPositions()).map(({ isEnded }) => (isEnded ? 'ended' : 'followed')).toSorted();

/** Time passes, and the daemon is started anew: it forgets a minute later. */
async function daysLater(logs: Followed, days: number): Promise<void> {
  await logs.stop();
  logs.context.clock.advance(days * dayMs);
  await logs.restart();
  logs.context.clock.advance(61_000);
  await logs.look();
}

void test('a file that ended 90 days ago and is gone is forgotten; one that is still there is not, nor read again', async (t) => {
  for (const isThere of [false, true]) {
    const logs = await follow(t);
    await afterRotation(logs, 'app.log.1');
    if (!isThere) await unlink(logs.path('app.log.1'));
    await daysLater(logs, 89);
    t.strictSame(await known(logs), ['ended', 'followed']);
    await daysLater(logs, 2);

    t.strictSame(await known(logs), isThere ? ['ended', 'followed'] : ['followed']);
    t.equal(logs.context.texts.length, 101);
  }
});

void test('packed meanwhile it is still there, and is not read again', async (t) => {
  const logs = await follow(t);
  await afterRotation(logs, 'app.log.1');
  await logs.pack('app.log.1');
  await daysLater(logs, 100);
  await logs.look();

  t.strictSame(await known(logs), ['ended', 'followed']);
  t.strictSame(logs.context.texts, [...linesOf(numbered('old', 0, 100)), 'new']);
});

void test('a directory that is not there may be on a file system that is not mounted: kept for 400 days', async (t) => {
  const logs = await follow(t);
  await mkdir(logs.path('mount'));
  await logs.restart({ include: [logs.path('mount/*.log'), logs.path('*.log')] });
  await logs.append('mount/app.log', numbered('old', 0, 100));
  await logs.append('app.log', 'elsewhere\n');
  await logs.look();
  await rename(logs.path('mount/app.log'), logs.path('mount/gone'));
  await logs.waitOutRotation();
  await rm(logs.path('mount'), { recursive: true });
  await daysLater(logs, 399);
  t.strictSame(await known(logs), ['ended', 'followed']);
  await daysLater(logs, 2);

  t.strictSame(await known(logs), ['followed']);
});

void test('looked for once a day while the daemon runs', async (t) => {
  const logs = await follow(t);
  await afterRotation(logs, 'app.log.1');
  await unlink(logs.path('app.log.1'));
  logs.context.clock.advance(dayMs);
  await logs.look();
  logs.context.clock.advance(91 * dayMs);
  await logs.look();

  t.strictSame(await known(logs), ['followed']);
});
