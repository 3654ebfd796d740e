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

void test('a line of two gigabytes without an end is handed out cut, in bounded memory; its rest is a stated cut (F24)', async (t) => {
  const splitter = new LineSplitter(1024, 100);
  const chunk = Buffer.alloc(256 * 1024, 0x78);
  const before = process.memoryUsage().arrayBuffers;
  const lines: Line[] = [];
  for (let index = 0; index < 8192; index++) lines.push(...splitter.push(chunk));

  t.equal(lines.length, 1, 'once');
  t.equal(lines[0]?.text.length, 1024);
  t.strictSame(lines[0]?.metadata, [['truncated', 'true']]);
  t.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
  t.ok(splitter.isInsideLine && splitter.lineStart === lines[0]?.endOffset, 'the position is inside the line');
  t.strictSame(splitter.push(Buffer.from('end\nnext\n')), [{ text: 'next', endOffset: 100 + 8192 * chunk.length + 9 }]);
  const cuts = splitter.takeCuts();
  t.equal(cuts[0]?.startOffset, 100 + 1024);
  t.equal(cuts.at(-1)?.endOffset, 100 + 8192 * chunk.length + 4);
  t.equal(cuts[0]?.endOffset, cuts[1]?.startOffset, 'without a hole');
});

void test('reading goes on inside a line that was cut: the rest of it is no line (F24)', async (t) => {
  const splitter = new LineSplitter(1024, 5000, { isInsideLine: true });

  t.strictSame(splitter.push(Buffer.from('rest')), []);
  t.strictSame(splitter.push(Buffer.from(' of it\nnext\n')), [{ text: 'next', endOffset: 5016 }]);
  t.strictSame(splitter.takeCuts(), [{ startOffset: 5000, endOffset: 5011 }]);
});

void test('a line cut inside a character ends before it (F24, F28)', async (t) => {
  for (const [text, kept] of [
    ['\u00fc', 1023],
    ['\u20ac', 1022],
    ['\u{1f600}', 1021],
  ] as const) {
    const [line] = split(Buffer.from(`${'x'.repeat(kept)}${text}${'y'.repeat(100)}\n`), 64, 1024);
    t.equal(
      line?.text,
      `${'x'.repeat(kept)}${text.length === 1 && kept === 1023 ? '' : Buffer.byteLength(text) + kept <= 1024 ? text : ''}`,
    );
  }
});

for (const encoding of ['utf-16le', 'utf-16be'] as const) {
  void test(`${encoding}: the same lines whatever the pieces, also of an odd number of bytes (F30)`, async (t) => {
    const wanted = ['gr\u00fc\u00df', '\u{1f600} \u6f22\u5b57', '\u0a0a\u0d0d', 'last'];
    const text = `\ufeff${wanted.join('\r\n')}\n\n`;
    const little = Buffer.from(text, 'utf16le');
    const bytes = encoding === 'utf-16le' ? little : Buffer.from(little).swap16();
    for (let size = 1; size <= bytes.length; size++) {
      const splitter = new LineSplitter(1024, 0, { encoding });
      const lines: Line[] = [];
      for (let at = 0; at < bytes.length; at += size) lines.push(...splitter.push(bytes.subarray(at, at + size)));
      t.strictSame(texts(lines), wanted, `pieces of ${size}`);
      t.equal(splitter.lineStart, bytes.length);
      t.equal(splitter.takeEmptyLines(), 1);
    }
  });
}

void test('UTF-16: an unfinished line, half a surrogate pair and an odd byte are kept as they are (F30)', async (t) => {
  const splitter = new LineSplitter(1024, 0, { encoding: 'utf-16le' });
  const half = Buffer.concat([Buffer.from('a', 'utf16le'), Buffer.from([0x00, 0xd8]), Buffer.from('\n', 'utf16le')]);
  const [line] = splitter.push(half);
  t.equal(line?.text, 'a\ufffd');
  t.strictSame(line?.metadata, [['raw_base64', half.subarray(0, 4).toString('base64')]]);

  splitter.push(Buffer.from([0x62, 0x00, 0x63]));
  t.strictSame(splitter.finish(), {
    text: 'b',
    endOffset: 9,
    metadata: [
      ['raw_base64', Buffer.from([0x62, 0x00, 0x63]).toString('base64')],
      ['partial', 'true'],
    ],
  });
});

void test('latin1 gives every byte its character', async (t) => {
  const splitter = new LineSplitter(1024, 0, { encoding: 'latin1' });

  t.strictSame(splitter.push(Buffer.from([0x67, 0x72, 0xfc, 0xdf, 0x0d, 0x0a])), [
    { text: 'gr\u00fc\u00df', endOffset: 6 },
  ]);
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
