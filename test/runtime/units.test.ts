import { test } from 'tap';
import { bytes, duration, parseBytes, parseDuration } from '../../src/runtime/units.ts';

void test('sizes are bytes, with decimal and binary units, in any case', async (t) => {
  t.strictSame(
    ['512', '1kB', '1KiB', '1.5MiB', '2 GiB', '16m'].map(parseBytes),
    [512, 1000, 1024, 1_572_864, 2_147_483_648, 16_777_216],
  );
  t.strictSame(['', 'MiB', '-1', '1 XiB', '1e3'].map(parseBytes), [null, null, null, null, null]);
});

void test('durations need their unit', async (t) => {
  t.strictSame(
    ['500ms', '30s', '1.5h', '1d', '2w'].map(parseDuration),
    [500, 30_000, 5_400_000, 86_400_000, 1_209_600_000],
  );
  t.strictSame(['30', 'soon', '1y', '-1s'].map(parseDuration), [null, null, null, null]);
});

void test('what is out of bounds or no quantity is refused with what was expected', async (t) => {
  const problemOf = (schema: ReturnType<typeof bytes>, value: unknown): string | undefined =>
    schema.safeParse(value).error?.issues[0]?.message;
  t.equal(problemOf(bytes({ min: 10 }), '1'), 'expected a size of at least 10B, got "1"');
  t.match(problemOf(duration({ min: 10 }), 'soon'), /expected a duration with its unit.*got "soon"/);
  t.match(problemOf(duration({ min: 10 }), true), /expected a duration/);
  t.equal(bytes({ min: 10 }).parse('1KiB'), 1024);
});
