/** A source's lines as rows: formats inside formats, what the reader promises of any bytes, and the operator's own format. */
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { test } from 'tap';
import { linesOf } from '../../src/inputs/file/whole-file.ts';
import type { SourceDescription } from '../../src/inputs/input.ts';
import { createFormat } from '../../src/parsers/registry.ts';
import { RecordReader } from '../../src/pipeline/record-reader.ts';
import { ManualClock } from '../manual-clock.ts';

const multiline = { mode: 'auto', max_lines: 1000, max_bytes: 1024 * 1024, flush_after: 500 } as const;

async function read(content: string | Buffer, source: Partial<SourceDescription> = {}) {
  const reader = new RecordReader({
    source: { source: 'a.log', format: 'auto', applicationHint: 'a', multiline, ...source },
    createFormat,
    defaults: {},
    clock: new ManualClock(),
  });
  for await (const { lines } of linesOf('a.log', Readable.from([Buffer.from(content)]), 1024 * 1024))
    reader.push(lines);
  reader.closeAll();
  return reader.take();
}

void test('JSON inside CRI: the entry says more than its envelope, whose time is kept', async (t) => {
  const [timed, untimed] = await read(
    `2026-11-24T04:00:00.123456789+01:00 stderr F {"level":"error","time":"2026-11-24T02:59:59Z","msg":"late","n":1}
2026-11-24T03:00:01Z stdout F {"msg":"no time"}
`,
  );

  t.equal(timed?.format, 'cri json');
  t.match(timed?.record, {
    timestamp: '2026-11-24T02:59:59.000000Z',
    severity: 'ERROR',
    message: 'late',
    metadata: [
      ['n', '1'],
      ['stream', 'stderr'],
      ['envelope_time', '2026-11-24T03:00:00.123456Z'],
    ],
  });
  t.match(untimed?.record, { timestamp: '2026-11-24T03:00:01.000000Z', metadata: [['stream', 'stdout']] });
});

void test('klog and a Java trace inside Docker, each stream for itself', async (t) => {
  const line = (log: string, stream: string): string =>
    `${JSON.stringify({ log: `${log}\n`, stream, time: '2026-11-24T03:00:00.5Z', attrs: { tag: 'web' } })}\n`;
  const rows = await read(
    line('java.lang.IllegalStateException: no', 'stderr') +
      line('I1124 02:59:59.000001       1 main.go:7] started', 'stdout') +
      line('\tat com.example.Shop.pay(Shop.java:12)', 'stderr'),
  );

  t.match(
    rows.map(({ format, record: { message, severity } }) => ({ format, message, severity })),
    [
      {
        format: 'docker plain',
        message: 'java.lang.IllegalStateException: no\n\tat com.example.Shop.pay(Shop.java:12)',
        severity: 'ERROR',
      },
      { format: 'docker klog', message: 'started', severity: 'INFO' },
    ],
  );
  t.match(rows[0]?.record.metadata, [
    ['stream', 'stderr'],
    ['attrs.tag', 'web'],
  ]);
});

void test('what only resembles an envelope is an entry like any other', async (t) => {
  const rows = await read(
    '{"log":"Hello","stream":"stdout","time":"qwerty"}\n{"log":{"a":1},"stream":"stdout"}\n2026-11-24T03:00:00Z stdout X text\n',
  );

  t.strictSame(
    rows.map(({ format }) => format),
    ['json', 'json', 'plain'],
  );
});

void test('colours are no part of an entry; other control characters are', async (t) => {
  const [row] = await read(
    '\u001b[32m2026-11-24T03:00:00Z\u001b[0m \u001b[1;31mERROR\u001b[0m failed \u0007\u001b[2K\n',
  );

  t.match(row?.record, {
    timestamp: '2026-11-24T03:00:00.000000Z',
    severity: 'ERROR',
    message: 'failed \u0007\u001b[2K',
  });
});

void test("an operator's own format: groups take the roles of their names, what does not match is kept", async (t) => {
  const rows = await read('2026-11-24T03:00:00Z|E|u-7|it broke\nnothing of the kind\n', {
    format: 'regex',
    pattern: '^(?<time>[^|]+)\\|(?<level>[A-Z])\\|(?<user>[^|]*)\\|(?<message>.*)$',
    multiline: undefined,
  });

  t.match(rows[0]?.record, {
    timestamp: '2026-11-24T03:00:00.000000Z',
    severity: 'ERROR',
    message: 'it broke',
    metadata: [['user', 'u-7']],
  });
  t.match(rows[1], { record: { message: 'nothing of the kind' }, refusal: 'the pattern does not match' });
});

void test('auto changes its mind when a file changes its format, and says what it chose', async (t) => {
  const rows = await read(
    '{"msg":"a"}\nNov 24 03:00:00 host app[1]: b\nlevel=info msg=c x=1\njust text\n{"msg":"d"}\n',
  );

  t.strictSame(
    rows.map(({ format }) => format),
    ['json', 'syslog', 'logfmt', 'plain', 'json'],
  );
  t.ok(rows.every(({ why }) => why !== ''));
});

void test('no bytes make it throw, lose a line or repeat a metadata key (F27, F28)', async (t) => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom(
        '\n',
        '\r\n',
        '{"log":"',
        '"}',
        '2026-11-24T03:00:00Z stdout P ',
        ' stderr F ',
        '<13>',
        '\u001b[1m',
        'a=b ',
        '\0',
      )
      .map((text) => Buffer.from(text)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
      const content = Buffer.concat(pieces);
      const rows = await read(content, { multiline: { ...multiline, mode: 'off' } });
      for (const { record } of rows) {
        const keys = record.metadata.map(([key]) => key);
        if (record.timestamp.length !== 27 || new Set(keys).size !== keys.length) return false;
      }
      return true;
    }),
    { numRuns: 1000 },
  );
  t.pass();
});

void test('JSON bombs are rows like any other: depth, keys, doubled keys, numbers no double holds (F31)', async (t) => {
  const deep = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`;
  const wide = `{${Array.from({ length: 50_000 }, (_, index) => `"k${index}":${index}`).join(',')},"msg":"wide"}`;
  const rows = await read(`${deep}\n${wide}\n{"a":1,"a":2,"n":1e400,"__proto__":{"x":1},"msg":"odd"}\n`);

  t.equal(rows.length, 3);
  t.equal(rows[0]?.record.message, deep);
  t.ok((rows[1]?.record.metadata.length ?? 0) < 300);
  t.match(rows[1]?.record.metadata.at(-2)?.[1], /"k49999":49999/, 'the rest is kept as JSON text');
  t.match(rows[2]?.record, {
    message: 'odd',
    metadata: [
      ['a', '2'],
      ['n', '1e400'],
      ['__proto__.x', '1'],
    ],
  });
  t.equal(({} as { x?: number }).x, undefined);
});

void test('grouping takes linear time on hostile lines (F32)', async (t) => {
  for (const part of [
    'a ',
    '[',
    '(',
    ':',
    '"',
    "'",
    '1',
    '1-',
    'at ',
    '<',
    'goroutine ',
    '#1 ',
    '^',
    '{',
    'Caused by:',
    'a.log',
  ]) {
    // Quadratic work on 400 kB would be 160 billion steps: the test would not end.
    const line = part.repeat(400_000 / part.length);
    t.ok((await read(`text\n${line}\n ${line}\n${line}x\n`)).length > 0, JSON.stringify(part));
  }
});
