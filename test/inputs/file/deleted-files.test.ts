/** Files that are gone from their paths: what is unread of them is read through the descriptor, as long as it may be held. */
import { mkdir, stat, unlink } from 'node:fs/promises';
import { test } from 'tap';
import { follow, linesOf, numbered } from './followed.ts';

void test('rotated to another directory while running, unread: read to its end from there (F4)', async (t) => {
  const logs = await follow(t);
  await mkdir(logs.path('old'));
  await logs.append('app.log', 'one\n');
  await logs.start();
  await logs.append('app.log', numbered('unread', 0, 20_000));
  await logs.move('app.log', 'old/app.log.1');
  await logs.append('app.log', 'new\n');
  await logs.append('old/app.log.1', 'late\n');
  await logs.look();
  await logs.waitOutRotation();
  await logs.restart();

  const [first, ...others] = logs.context.texts;
  t.equal(first, 'one');
  t.strictSame(others.toSorted(), [...linesOf(numbered('unread', 0, 20_000)), 'late', 'new'].toSorted());
  t.strictSame(logs.context.gaps, []);
});

void test('beyond the bytes that may be held the oldest deleted file is dropped, and the rest of it is a gap (F23)', async (t) => {
  const logs = await follow(t, { deleted_hold_bytes: '3MiB', rotate_wait: '1s' });
  const names = ['first.log', 'second.log'];
  for (const name of names) await logs.append(name, 'one\n');
  await logs.start();
  const release = logs.context.hold();
  const sizes = new Map<string, number>();
  for (const name of names) {
    await logs.append(name, `${'x'.repeat(99)}\n`.repeat(20_000));
    await logs.input.scan();
    sizes.set(name, (await stat(logs.path(name))).size);
    await unlink(logs.path(name));
    logs.context.clock.advance(1000);
    await logs.input.scan();
  }
  release();
  await logs.look();
  await logs.waitOutRotation();

  const ofFile = (name: string): number => logs.context.lines.filter(({ source }) => source === logs.path(name)).length;
  t.equal(ofFile('second.log'), 20_001, 'what may be held is read to its end');
  t.match(logs.context.gaps, [{ path: logs.path('first.log'), endOffset: sizes.get('first.log'), reason: 'deleted' }]);
  const [gap] = logs.context.gaps;
  const last = logs.context.lines.findLast(({ source }) => source === logs.path('first.log'));
  t.equal(gap?.startOffset, last?.endOffset, 'it begins behind the last line that is there, to the byte');
  t.match(logs.context.warnings, [/held too long/]);
});
