/** Lines that take their time, and clocks that jump meanwhile: what is unfinished waits, and only monotonic time counts. */
import { utimes } from 'node:fs/promises';
import { test } from 'tap';
import { follow, linesOf, numbered } from './followed.ts';

void test('a line written byte by byte over twenty seconds, the daemon restarted in between, is one line (F25)', async (t) => {
  const logs = await follow(t);
  const line = 'a line of twenty byte';
  await logs.append('app.log', 'before\n');
  await logs.start();
  for (const [index, byte] of `${line}\n`.split('').entries()) {
    t.strictSame(logs.context.texts, ['before'], 'nothing of it is there before its newline');
    await logs.append('app.log', byte);
    logs.context.clock.advance(1000);
    if (index === 10) await logs.restart();
    await logs.look();
  }
  await logs.append('app.log', 'after\n');
  await logs.look();

  t.strictSame(logs.context.texts, ['before', line, 'after']);
});

void test('the first line of an empty file comes a minute after it, over a restart (F14)', async (t) => {
  const logs = await follow(t);
  for (const name of ['empty.log', 'byte.log']) await logs.made(name);
  await logs.append('byte.log', 'b');
  await logs.append('unfinished.log', 'no newline');
  await logs.start();
  logs.context.clock.advance(60_000);
  await logs.look();
  await logs.restart();
  t.strictSame(logs.context.texts, []);
  for (const name of ['empty.log', 'byte.log', 'unfinished.log']) await logs.append(name, ' end\n');
  await logs.look();
  await logs.restart();

  t.strictSame(logs.context.texts.toSorted(), [' end', 'b end', 'no newline end']);
});

for (const [jump, toNow] of [
  ['an hour forward', '2026-11-24T04:00:00Z'],
  ['an hour back', '2026-11-24T02:00:00Z'],
] as const) {
  void test(`the wall clock jumps ${jump} during a rotation: the old file is followed for its time, no more and no less (F22)`, async (t) => {
    const logs = await follow(t, { rotate_wait: '60s' });
    const stateOf = (path: string): string | undefined =>
      logs.input.files().files.find((file) => file.path === logs.path(path))?.state;
    await logs.append('app.log', numbered('old', 0, 3));
    await logs.start();
    await logs.move('app.log', 'app.old');
    await logs.look();
    logs.context.clock.setWallClock(toNow);
    await logs.look();
    await logs.append('app.old', 'late\n');
    await logs.look();
    t.equal(stateOf('app.log'), 'rotated', 'still followed');
    logs.context.clock.advance(61_000);
    await logs.look();
    t.equal(stateOf('app.log'), undefined, 'over');
    await logs.append('app.log', 'new\n');
    await utimes(logs.path('app.log'), 1e9, 1e9); // a stamp from before everything
    await logs.look();
    await logs.restart();

    t.strictSame(logs.context.texts, [...linesOf(numbered('old', 0, 3)), 'late', 'new']);
    t.strictSame(logs.context.gaps, []);
  });
}
