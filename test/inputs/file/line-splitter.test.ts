import fc from 'fast-check';
import { test } from 'tap';
import { LineSplitter } from '../../../src/inputs/file/line-splitter.ts';
import type { Line } from '../../../src/inputs/input.ts';

/** The lines of `bytes` given in pieces of `pieceBytes`, the unfinished last one too. */
function split(bytes: Buffer, pieceBytes = bytes.length || 1, maxLineBytes = 1024): Line[] {
  const splitter = new LineSplitter(maxLineBytes, 0);
  const lines: Line[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes)
    lines.push(...splitter.push(bytes.subarray(at, at + pieceBytes)));
  const last = splitter.finish();
  return last === null ? lines : [...lines, last];
}

const texts = (lines: readonly Line[]): string[] => lines.map(({ text }) => text);

void test('LF and CRLF end lines, a lone CR does not, empty lines are counted and left out, the next line says how many (F27)', async (t) => {
  const splitter = new LineSplitter(1024, 0);
  const lines = splitter.push(Buffer.from('a\r\nb\n\n\r\nc\rd\r\r\n'));

  t.strictSame(lines, [
    { text: 'a', endOffset: 3 },
    { text: 'b', endOffset: 5 },
    { text: 'c\rd', endOffset: 14, emptyLinesBefore: 2 },
  ]);
  t.equal(splitter.takeEmptyLines(), 2);
  t.equal(splitter.takeEmptyLines(), 0, 'each is counted once');
});

void test('an unfinished line waits; the position stays before it (F25)', async (t) => {
  const splitter = new LineSplitter(1024, 100);
  t.strictSame(splitter.push(Buffer.from('half')), []);
  t.strictSame([splitter.lineStart, splitter.end], [100, 104]);

  t.strictSame(splitter.push(Buffer.from(' done\n')), [{ text: 'half done', endOffset: 110 }]);
  t.strictSame([splitter.lineStart, splitter.end], [110, 110]);
});

void test('a line that never gets its newline is handed out once, marked partial (F26)', async (t) => {
  t.strictSame(split(Buffer.from('whole\nhalf')).at(-1), {
    text: 'half',
    endOffset: 10,
    metadata: [['partial', 'true']],
  });
});

void test('a byte order mark is no text at the start of a file, and text elsewhere (F27)', async (t) => {
  t.strictSame(texts(split(Buffer.from('\ufeffa\nb\ufeff\n'))), ['a', 'b\ufeff']);
});

void test('UTF-8 cut anywhere is put together again (F28)', async (t) => {
  const text = 'gr\u00fc\u00df \u{1f600} \u6f22\u5b57';
  const bytes = Buffer.from(`${text}\n${text}\n`);
  for (let size = 1; size <= bytes.length; size++)
    t.strictSame(texts(split(bytes, size)), [text, text], `pieces of ${size}`);
});

void test('bytes that are no UTF-8 are kept beside the readable text (F28)', async (t) => {
  const bytes = Buffer.concat([
    Buffer.from('ok '),
    Buffer.from([0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80]),
    Buffer.from(' end'),
  ]);
  const [line] = split(Buffer.concat([bytes, Buffer.from('\nnext\n')]));

  t.match(line?.text, /^ok \ufffd+ end$/);
  t.strictSame(line?.metadata, [['raw_base64', bytes.toString('base64')]]);
});

void test('a line that is too long is cut, marked with its length, and the next one is whole (F24)', async (t) => {
  const bytes = Buffer.from(`${'x'.repeat(3000)}\nnext\n`);
  for (const size of [1, 7, 1000, 1024, bytes.length]) {
    t.strictSame(
      split(bytes, size),
      [
        {
          text: 'x'.repeat(1024),
          endOffset: 3001,
          metadata: [
            ['truncated', 'true'],
            ['original_bytes', '3000'],
          ],
        },
        { text: 'next', endOffset: 3006 },
      ],
      `pieces of ${size}`,
    );
  }
});

void test('a line of exactly the greatest length is not cut', async (t) => {
  t.strictSame(split(Buffer.from(`${'x'.repeat(1024)}\n`)), [{ text: 'x'.repeat(1024), endOffset: 1025 }]);
});

void test('an endless line takes no more memory than the greatest length (F24)', async (t) => {
  const splitter = new LineSplitter(1024, 0);
  const chunk = Buffer.alloc(256 * 1024, 0x78);
  const before = process.memoryUsage().arrayBuffers;
  for (let index = 0; index < 1000; index++) splitter.push(chunk);
  const line = splitter.finish();

  t.equal(line?.text.length, 1024);
  t.strictSame(line?.metadata, [
    ['truncated', 'true'],
    ['original_bytes', String(256_000 * 1024)],
    ['partial', 'true'],
  ]);
  t.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
});

void test('a hole of NULs before a line is counted and not kept (F29)', async (t) => {
  const bytes = Buffer.concat([Buffer.from('a\n'), Buffer.alloc(5000), Buffer.from('b\nc\n')]);
  for (const size of [1, 100, bytes.length]) {
    t.strictSame(
      split(bytes, size),
      [
        { text: 'a', endOffset: 2 },
        { text: 'b', endOffset: 5004, metadata: [['nul_bytes', '5000']] },
        { text: 'c', endOffset: 5006 },
      ],
      `pieces of ${size}`,
    );
  }
});

void test('the same bytes give the same lines however they are cut', async (t) => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('\n', '\r\n', '\r', '\0', '\ufeff', 'x'.repeat(60)),
  );
  const bytes = fc.array(
    fc.oneof(
      piece.map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 8 }).map((values) => Buffer.from(values)),
    ),
  );
  fc.assert(
    fc.property(bytes, fc.integer({ min: 1, max: 50 }), (pieces, size) => {
      const all = Buffer.concat(pieces);
      const whole = split(all, all.length || 1, 40);
      t.strictSame(split(all, size, 40), whole);
    }),
    { numRuns: 300 },
  );
});
