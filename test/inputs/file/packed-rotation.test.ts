/** Rotated files that are packed, by whom and whenever: each line once, whichever of the two files is seen first. */
import { readFile, stat, truncate, unlink, utimes, writeFile } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { test } from 'tap';
import { type Followed, follow, linesOf, numbered } from './followed.ts';

/** Ten lines are stored when the daemon stops, and ten more come behind them. */
async function stoppedHalfway(logs: Followed): Promise<void> {
  await logs.append('app.log', numbered('first', 0, 10));
  await logs.start();
  await logs.stop();
  await logs.append('app.log', numbered('first', 10, 20));
}

for (const kind of ['gz', 'zst'] as const) {
  void test(`stopped; rotated twice, the older packed (.${kind}): every line of both, also of the one never seen (F6)`, async (t) => {
    const logs = await follow(t);
    await logs.append('app.log', numbered('first', 0, 100));
    await logs.start();
    await logs.stop();
    await logs.append('app.log', numbered('first', 100, 250));
    await logs.move('app.log', 'app.log.1');
    await logs.append('app.log', numbered('second', 0, 50));
    await logs.move('app.log.1', 'app.log.2');
    await logs.pack('app.log.2', kind);
    await logs.move('app.log', 'app.log.1');
    await logs.append('app.log', numbered('third', 0, 10));
    await logs.restart();
    await logs.waitOutRotation();
    await logs.restart();

    const wanted = linesOf(numbered('first', 0, 250) + numbered('second', 0, 50) + numbered('third', 0, 10));
    t.strictSame(logs.context.texts.toSorted(), wanted.toSorted());
    t.strictSame(logs.context.gaps, []);
    t.equal(logs.context.lines.find(({ text }) => text === 'second line 3')?.source, logs.path('app.log'));
  });
}

void test('stopped; both rotated files packed: also the one never seen is read, the history before is not (F6)', async (t) => {
  const logs = await follow(t);
  await writeFile(logs.path('app.log.3.gz'), gzipSync(numbered('history', 0, 10)));
  await utimes(logs.path('app.log.3.gz'), 1e9, 1e9);
  await stoppedHalfway(logs);
  await logs.move('app.log', 'app.log.2');
  await logs.pack('app.log.2');
  await logs.append('app.log', numbered('second', 0, 20));
  await logs.move('app.log', 'app.log.1');
  await logs.pack('app.log.1');
  await logs.restart();
  await logs.restart();

  t.strictSame(logs.context.texts.toSorted(), linesOf(numbered('first', 0, 20) + numbered('second', 0, 20)).toSorted());
});

for (const kind of ['gz', 'bz2'] as const) {
  void test(`a file is seen that its packer has made and not yet written (.${kind}): what comes is never read as lines (F6)`, async (t) => {
    const logs = await follow(t);
    const packed = logs.path(`app.log.1.${kind}`);
    await logs.append('app.log', numbered('first', 0, 10));
    await logs.start();
    await logs.restart({ include: [logs.path('app.log*')] });
    await logs.move('app.log', 'app.log.1');
    await writeFile(packed, '');
    await logs.look();
    const content = gzipSync(numbered('first', 0, 10), { level: 0 }); // with newlines in it
    await writeFile(packed, kind === 'gz' ? content : Buffer.concat([Buffer.from('BZh91AY&SY'), content]));
    await unlink(logs.path('app.log.1'));
    for (let number = 10; number < 13; number++) {
      await logs.append('app.log', numbered('first', number, number + 1));
      await logs.look();
    }

    t.strictSame(logs.context.texts, linesOf(numbered('first', 0, 13)));
    t.strictSame(logs.context.gaps, []);
  });
}

void test('stopped while a rotated file is packed under a name of its own: what stands there is never read as lines (F6)', async (t) => {
  const logs = await follow(t);
  await stoppedHalfway(logs);
  await logs.move('app.log', 'app.log.2');
  await logs.append('app.log', numbered('second', 0, 2000));
  await logs.move('app.log', 'app.log.1');
  await writeFile(logs.path('app.log.1.gz.tmp'), gzipSync(await readFile(logs.path('app.log.1'))));
  await logs.append('app.log', numbered('third', 0, 10));
  await logs.restart();
  await logs.move('app.log.1.gz.tmp', 'app.log.1.gz');
  await unlink(logs.path('app.log.1'));
  await logs.waitOutRotation();
  await logs.restart();

  const wanted = linesOf(numbered('first', 0, 20) + numbered('second', 0, 2000) + numbered('third', 0, 10));
  t.strictSame(logs.context.texts.toSorted(), wanted.toSorted());
});

void test('rename and packing at once, unread: read through the descriptor, and the packed file is not read again (F5)', async (t) => {
  const logs = await follow(t);
  await logs.restart({ include: [logs.path('app.log*')] });
  await logs.append('app.log', 'one\n');
  await logs.look();
  await logs.append('app.log', numbered('tail', 0, 5000));
  await logs.move('app.log', 'app.log.1');
  await logs.pack('app.log.1');
  await logs.append('app.log', 'new\n');
  await logs.look();
  await logs.waitOutRotation();
  await logs.restart();

  t.strictSame(logs.context.texts.toSorted(), ['one', ...linesOf(numbered('tail', 0, 5000)), 'new'].toSorted());
});

void test('a packed file in an inode that a file without content had is not taken for that file (F12)', async (t) => {
  const logs = await follow(t);
  await logs.restart({ include: [logs.path('app.log*')] });
  for (const isEnded of [true, false]) {
    const name = isEnded ? 'of an ended one' : 'of one that goes on';
    const rotated = isEnded ? 'app.log.1' : 'app.log.2';
    await logs.append('app.log', numbered(name, 0, 3));
    await logs.look();
    await logs.append('app.log.empty1', '');
    await logs.look();
    await logs.stop();
    await unlink(logs.path('app.log.empty1'));
    await logs.append('app.log', numbered(name, 3, 30));
    await logs.move('app.log', rotated);
    await logs.pack(rotated);
    const { dev, ino } = await stat(logs.path(`${rotated}.gz`), { bigint: true });
    logs.context.addPosition(emptyGeneration(logs, String(dev), String(ino), isEnded));
    await logs.restart();
    await logs.look();
    await logs.restart();

    const texts = logs.context.texts.filter((text) => text.startsWith(name));
    t.strictSame(texts, linesOf(numbered(name, 0, 30)), name);
  }
  t.equal(logs.context.texts.length, 60, 'and nothing else');
});

/** As a truncation leaves it, or a file that was made and not written to. */
function emptyGeneration(logs: Followed, device: string, inode: string, isEnded: boolean) {
  return {
    generation: `empty ${isEnded}`,
    path: logs.path('app.log.empty1'),
    device,
    inode,
    fingerprint: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    fingerprintBytes: 0,
    offset: 0,
    isEnded,
  };
}

void test('packed while stopped, known by half a line, with another file lost beside it: read once', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', numbered('first', 0, 10));
  await logs.start();
  await logs.move('app.log', 'app.log.1');
  await logs.append('app.log', 'half a');
  await logs.look();
  await logs.stop();
  await logs.append('app.log', ` line\n${numbered('second', 0, 10)}`);
  await logs.move('app.log', 'app.log.2');
  await logs.pack('app.log.2');
  await unlink(logs.path('app.log.1'));
  await logs.restart();
  await logs.waitOutRotation();
  await logs.restart();

  const wanted = linesOf(`${numbered('first', 0, 10)}half a line\n${numbered('second', 0, 10)}`);
  t.strictSame(logs.context.texts.toSorted(), wanted.toSorted());
});

void test('a file that rotated away unseen is read once, whether both it and its packed copy are there or the copy comes later', async (t) => {
  for (const order of ['both', 'later'] as const) {
    const logs = await follow(t);
    await logs.append('app.log', numbered('first', 0, 10));
    await logs.start();
    await logs.move('app.log', 'app.log.2');
    await logs.append('app.log', numbered('unseen', 0, 200));
    await logs.move('app.log', 'app.log.1');
    const packed = gzipSync(await readFile(logs.path('app.log.1')));
    const { atime, mtime } = await stat(logs.path('app.log.1'));
    if (order === 'later') await logs.look();
    await writeFile(logs.path('app.log.1.gz'), packed);
    await utimes(logs.path('app.log.1.gz'), atime, mtime);
    await logs.look();
    await logs.look();
    await unlink(logs.path('app.log.1'));
    await logs.look();
    await logs.waitOutRotation();
    await logs.restart();

    const wanted = linesOf(numbered('first', 0, 10) + numbered('unseen', 0, 200));
    t.strictSame(logs.context.texts.toSorted(), wanted.toSorted(), order);
  }
});

void test('a packed file that is still being written is not read as something else, and read once it is whole', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', numbered('first', 0, 2000));
  await logs.start();
  await logs.move('app.log', 'app.log.1');
  const packed = gzipSync(await readFile(logs.path('app.log.1')));
  for (const bytes of [0, 1, 5, 3000, packed.length - 1, packed.length]) {
    await writeFile(logs.path('app.log.1.gz'), packed.subarray(0, bytes));
    logs.context.clock.advance(1000);
    await logs.look();
  }
  await unlink(logs.path('app.log.1'));
  await logs.waitOutRotation();
  await logs.restart();

  t.strictSame(logs.context.texts, linesOf(numbered('first', 0, 2000)));
  t.strictSame(logs.context.gaps, []);
});

void test('an unseen packed file that is not whole yet: what there is at once, the rest when it has come', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', numbered('first', 0, 10));
  await logs.start();
  await logs.move('app.log', 'app.log.2');
  const packed = zstdCompressSync(Buffer.from(numbered('unseen', 0, 20_000)));
  await writeFile(logs.path('app.log.1.zst'), packed.subarray(0, packed.length >> 1));
  await logs.look();
  await logs.look();
  await logs.move('app.log.1.zst', 'app.log.3.zst');
  await writeFile(logs.path('app.log.3.zst'), packed);
  logs.context.clock.advance(1000);
  await logs.look();
  await logs.look();
  await logs.restart();

  const wanted = linesOf(numbered('first', 0, 10) + numbered('unseen', 0, 20_000));
  t.strictSame(logs.context.texts.toSorted(), wanted.toSorted());
  t.strictSame(logs.context.gaps, []);
});

void test('a start while the only file left is not packed to its end: it is found once it is, and no gap is stated (F6)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', numbered('first', 0, 1000));
  await logs.start();
  await logs.stop();
  await logs.append('app.log', numbered('first', 1000, 2000));
  const packed = gzipSync(await readFile(logs.path('app.log')));
  await writeFile(logs.path('app.log.1.gz'), packed.subarray(0, packed.length >> 1));
  await unlink(logs.path('app.log'));
  await logs.restart();
  logs.context.clock.advance(1000);
  await logs.look();
  await writeFile(logs.path('app.log.1.gz'), packed);
  logs.context.clock.advance(1000);
  await logs.look();
  await logs.waitOutRotation();
  await logs.restart();

  t.strictSame(logs.context.texts, linesOf(numbered('first', 0, 2000)));
  t.strictSame(logs.context.gaps, []);
});

void test('a packed file that stays damaged: what can be read, and a gap behind it', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', numbered('first', 0, 10));
  await logs.start();
  await logs.move('app.log', 'app.log.2');
  const packed = gzipSync(numbered('unseen', 0, 20_000));
  await writeFile(logs.path('app.log.1.gz'), packed.subarray(0, packed.length >> 1));
  for (let second = 0; second < 35; second++) {
    await logs.look();
    logs.context.clock.advance(1000);
  }
  await logs.restart();

  const unseen = logs.context.texts.filter((text) => text.startsWith('unseen'));
  t.strictSame(unseen, linesOf(numbered('unseen', 0, unseen.length)), 'whole lines from the beginning, each once');
  t.match(logs.context.gaps, [{ endOffset: null, reason: 'unreadable' }]);
  t.equal(logs.context.gaps[0]?.startOffset, numbered('unseen', 0, unseen.length).length);
});

void test('a file that rotated away unseen is read, though the reader was late with the one before and killed behind it (F6, F36)', async (t) => {
  const logs = await follow(t);
  await stoppedHalfway(logs);
  await logs.move('app.log', 'app.log.2');
  await logs.pack('app.log.2');
  await new Promise((resolve) => setTimeout(resolve, 100)); // times of files say nothing within the kernel's tick
  await logs.append('app.log', numbered('unseen', 0, 200));
  await logs.move('app.log', 'app.log.1');
  await logs.pack('app.log.1');
  const updatedAt = new Date(Date.now() + 3_600_000).toISOString();
  const offset = numbered('first', 0, 20).length;
  logs.context.changePositions((position) => ({ ...position, offset, isEnded: true, updatedAt }));
  await logs.restart();
  await logs.waitOutRotation();

  t.strictSame(logs.context.texts, linesOf(numbered('first', 0, 10) + numbered('unseen', 0, 200)));
});

void test('copytruncate with the copy packed at once: the rest of the old, the new, and the position stays behind it (F8)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', numbered('old', 0, 100));
  await logs.start();
  await logs.append('app.log', numbered('old', 100, 300));
  await writeFile(logs.path('app.log.1.gz'), gzipSync(await readFile(logs.path('app.log'))));
  await truncate(logs.path('app.log'));
  await logs.append('app.log', 'new\n');
  await logs.look();
  await logs.restart();
  await logs.waitOutRotation();
  await logs.restart();

  t.strictSame(logs.context.texts.toSorted(), [...linesOf(numbered('old', 0, 300)), 'new'].toSorted());
  const end = numbered('old', 0, 300).length;
  t.match(
    logs.context.gaps,
    [{ startOffset: end, reason: 'truncated' }],
    'what may be lost between copy and truncation',
  );
});

void test('rotated within the globs while another file came and was packed before any look: it is read too', async (t) => {
  const logs = await follow(t);
  await logs.restart({ include: [logs.path('app.log*')] });
  await logs.append('app.log', numbered('first', 0, 10));
  await logs.look();
  await logs.move('app.log', 'app.log.2');
  await logs.append('app.log', numbered('unseen', 0, 10));
  await logs.move('app.log', 'app.log.1');
  await logs.pack('app.log.1');
  await logs.append('app.log', numbered('third', 0, 10));
  await logs.look();
  await logs.waitOutRotation();
  await logs.restart();

  const wanted = linesOf(numbered('first', 0, 10) + numbered('unseen', 0, 10) + numbered('third', 0, 10));
  t.strictSame(logs.context.texts.toSorted(), wanted.toSorted());
});

void test('deleted, then stopped; a file that came, rotated and was packed meanwhile is read at the start (F6)', async (t) => {
  const logs = await follow(t);
  await logs.append('app.log', numbered('first', 0, 10));
  await logs.start();
  await unlink(logs.path('app.log'));
  await logs.look();
  await logs.stop();
  await logs.append('app.log', numbered('unseen', 0, 10));
  await logs.move('app.log', 'app.log.1');
  await logs.pack('app.log.1');
  await logs.append('app.log', numbered('third', 0, 10));
  await logs.restart();
  await logs.waitOutRotation();
  await logs.restart();

  const wanted = linesOf(numbered('first', 0, 10) + numbered('unseen', 0, 10) + numbered('third', 0, 10));
  t.strictSame(logs.context.texts.toSorted(), wanted.toSorted());
});

void test('a packed line longer than the limit is cut, marked and stated, and the next one is whole (F24)', async (t) => {
  const logs = await follow(t, { max_line_bytes: '64KiB' });
  const long = `${'x'.repeat(18 * 1024 * 1024)}\n`;
  await logs.append('app.log', 'first\n');
  await logs.start();
  await logs.stop();
  await logs.append('app.log', `${long}after\n`);
  await logs.move('app.log', 'app.log.1');
  await logs.pack('app.log.1');
  await logs.restart();

  t.strictSame(
    logs.context.lines.map(({ text }) => text.length),
    [5, 64 * 1024, 5],
  );
  const end = 6 + long.length;
  t.match(logs.context.gaps.at(-1), { endOffset: end, reason: 'line_too_long' });
  t.equal(logs.context.gaps[0]?.startOffset, 6 + 64 * 1024);
});
