import { test } from 'tap';
import { Framer, type FramerOptions } from '../../../src/pipeline/framing/framer.ts';
import { TraceGrouping } from '../../../src/pipeline/framing/trace-grouping.ts';
import { cri } from '../../../src/parsers/cri.ts';
import { docker } from '../../../src/parsers/docker.ts';

const parserOptions = { timezone: 'UTC', nowMs: () => Date.parse('2026-11-24T03:00:00Z') };
const time = '2026-11-24T03:00:00.000000001Z';

function framerOf(options: Partial<FramerOptions> = {}): Framer {
  return new Framer({
    createGrouping: () => new TraceGrouping(),
    maxLines: 1000,
    maxBytes: 1024 * 1024,
    quietMs: 500,
    ...options,
  });
}

const inCri = { open: (text: string) => cri.open(text, parserOptions) };
const inDocker = { open: (text: string) => docker.open(text, parserOptions) };

/** Each line is taken to be ten bytes long. */
function push(framer: Framer, lines: readonly string[], nowMs = 0, from = 0): string[] {
  lines.forEach((text, index) => framer.push({ text, endOffset: (from + index + 1) * 10 }, nowMs));
  return framer.take().map(({ text }) => text);
}

void test('parts of a CRI line are joined with nothing between them, each stream for itself (F34)', async (t) => {
  const framer = framerOf(inCri);
  const lines = [`${time} stdout P 1`, `${time} stderr F 2`, `${time} stdout P 3`, `${time} stdout F 4`];

  const before = push(framer, lines);
  framer.closeAll();

  t.strictSame(before, [], 'stderr waits: nothing may be committed inside the line of stdout');
  t.strictSame(
    framer.take().map(({ text }) => text),
    ['134', '2'],
  );
  t.equal(framer.coveredOffset, 40);
});

void test('a part whose rest never comes is an entry after the quiet time, once (F34)', async (t) => {
  const framer = framerOf(inCri);
  push(framer, [`${time} stdout P never finished`]);

  framer.closeQuiet(499);
  t.strictSame(framer.take(), []);
  framer.closeQuiet(500);
  t.match(framer.take(), [{ text: 'never finished', metadata: [['stream', 'stdout']] }]);
  framer.closeQuiet(5000);
  t.strictSame(framer.take(), []);
});

void test('Docker splits a long line: entries without a newline go on in the next of their stream (F35)', async (t) => {
  const framer = framerOf(inDocker);
  const entry = (log: string, stream: string): string => JSON.stringify({ log, stream, time: '2026-11-24T03:00:00Z' });

  const lines = [
    entry('bb', 'stdout'),
    '{"log":"cut',
    entry('x\n', 'stderr'),
    entry('cc\n', 'stdout'),
    entry('dd', 'stdout'),
  ];
  push(framer, lines);
  framer.closeAll();

  t.strictSame(
    framer.take().map(({ text }) => text),
    ['bbcc', '{"log":"cut', 'x', 'dd'],
  );
});

void test('an open record holds the position before its first line, a complete one moves it behind its last', async (t) => {
  const framer = framerOf();

  t.strictSame(push(framer, ['2026-11-24 03:00:00 a', 'b']), []);
  t.equal(framer.coveredOffset, undefined);
  t.strictSame(push(framer, ['2026-11-24 03:00:01 c'], 0, 2), ['2026-11-24 03:00:00 a\nb']);
  t.equal(framer.coveredOffset, 20);
  t.ok(framer.isHolding);
  framer.closeQuiet(1000);
  t.strictSame(
    framer.take().map(({ text }) => text),
    ['2026-11-24 03:00:01 c'],
  );
  t.equal(framer.coveredOffset, 30);
  t.notOk(framer.isHolding);
});

void test('a line that announces nothing waits a moment only, an error waits for its trace', async (t) => {
  const framer = framerOf();
  const texts = (): string[] => framer.take().map(({ text }) => text);

  push(framer, ['2026-11-24 03:00:00 INFO served']);
  t.equal(framer.nextQuietAtMs, 20);
  framer.closeQuiet(20);
  t.strictSame(texts(), ['2026-11-24 03:00:00 INFO served']);

  push(framer, ['2026-11-24 03:00:01 ERROR order 7 failed'], 1000);
  t.equal(framer.nextQuietAtMs, 1500);
  framer.closeQuiet(1100);
  t.strictSame(texts(), []);
  push(framer, ['\tat com.acme.Orders.take(Orders.java:7)'], 1200);
  framer.closeQuiet(1700);
  t.strictSame(texts(), ['2026-11-24 03:00:01 ERROR order 7 failed\n\tat com.acme.Orders.take(Orders.java:7)']);
  t.equal(framer.nextQuietAtMs, Infinity);
});

void test('JSON waits for nobody', async (t) => {
  const framer = framerOf();

  t.equal(push(framer, ['{"msg":"a"}', '{"msg":"b"}']).length, 2);
  t.notOk(framer.isHolding);
});

void test('blank lines inside a record are kept', async (t) => {
  const framer = framerOf();
  framer.push({ text: 'panic: x', endOffset: 9 }, 0);
  framer.push({ text: 'goroutine 1 [running]:', endOffset: 33, emptyLinesBefore: 1 }, 0);
  framer.closeAll();

  t.strictSame(
    framer.take().map(({ text }) => text),
    ['panic: x\n\ngoroutine 1 [running]:'],
  );
});

void test('a trace of a million lines is cut at its bounds, and no line is lost (F33)', async (t) => {
  const framer = framerOf({ maxLines: 1000 });
  let lines = 0;
  let entries = 0;
  const count = (): void => {
    for (const { text } of framer.take()) {
      entries++;
      lines += text.split('\n').length;
    }
  };
  framer.push({ text: 'java.lang.StackOverflowError', endOffset: 1 }, 0);
  for (let line = 1; line < 1_000_000; line++) {
    framer.push({ text: '\tat com.example.Deep.er(Deep.java:1)', endOffset: line + 1 }, 0);
    if (line % 10_000 === 0) count();
  }
  framer.closeAll();
  count();

  t.equal(lines, 1_000_000);
  t.equal(entries, 1000);
});

void test('a record that was cut says so, and what goes on from it too', async (t) => {
  const framer = framerOf({ maxBytes: 12 });
  push(framer, ['Error: x'], 0);
  framer.push({ text: '  at a', endOffset: 20 }, 0);
  framer.closeAll();

  t.match(framer.take(), [
    { text: 'Error: x', metadata: [['continues', 'true']] },
    { text: '  at a', metadata: [['continued', 'true']] },
  ]);
});

void test('streams whose records overlap for ever are cut before they hold too much', async (t) => {
  const framer = framerOf(inCri);
  let taken = 0;
  for (let line = 0; line < 10_000; line++) {
    // Each stream's next record begins before the other's has ended.
    const stream = line % 4 < 2 ? 'stdout' : 'stderr';
    framer.push(
      { text: `${time} ${stream} F ${line % 2 === 0 ? '  goes on' : 'begins'} ${line}`, endOffset: line + 1 },
      0,
    );
    taken += framer.take().length;
  }

  t.ok(taken > 1000, `${taken} entries came out on the way`);
});
