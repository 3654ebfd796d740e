/** RFC 6587 framing, whole and cut at every byte (F62). */
import fc from 'fast-check';
import { test } from 'tap';
import { type Frame, SyslogFramer } from '../../../src/inputs/syslog/framer.ts';

const limit = 64;

/** `text`, with `~` for a cut message and `!` for one behind a wrong count. */
function shown({ bytes, isTruncated, isBroken }: Frame): string {
  return `${bytes.toString()}${isTruncated ? '~' : ''}${isBroken ? '!' : ''}`;
}

function frames(chunks: readonly (string | Buffer)[], maxMessageBytes = limit): string[] {
  const framer = new SyslogFramer(maxMessageBytes);
  return [...chunks.flatMap((chunk) => framer.push(Buffer.from(chunk as string))), ...framer.end()].map(shown);
}

/** What a stream's bytes mean, however they arrive: the answer must be the same for every split in two and byte by byte. */
const meanings: readonly (readonly [behaviour: string, stream: string, messages: readonly string[]])[] = [
  ['counted messages follow each other without anything between', '5 <1>ab7 <2>cdef', ['<1>ab', '<2>cdef']],
  ['a newline inside a counted message is text', '8 <1>a\nb\nc5 <2>zz', ['<1>a\nb\nc', '<2>zz']],
  ['a newline behind a counted message that was not counted is passed over', '5 <1>ab\n5 <2>cd\n', ['<1>ab', '<2>cd']],
  ['the trailer of a counted message is not part of it', '6 <1>ab\n5 <2>cd', ['<1>ab', '<2>cd']],
  ['messages end in newlines', '<1>ab\n<2>cd\n', ['<1>ab', '<2>cd']],
  ['the last message needs no newline', '<1>ab\n<2>cd', ['<1>ab', '<2>cd']],
  ['CR LF is a newline', '<1>ab\r\n<2>cd\r\n', ['<1>ab', '<2>cd']],
  ['messages end in NUL', '<1>ab\0<2>cd\0', ['<1>ab', '<2>cd']],
  ['empty lines are no messages', '\n\n<1>ab\n\n\n<2>cd\n', ['<1>ab', '<2>cd']],
  ['lines stay lines when one begins with a number', '<1>ab\n5 <2>cd\n', ['<1>ab', '5 <2>cd']],
  ['a number and nothing else at the end is kept', '10', ['10']],
  ['a number behind a counted message at the end is kept', '5 <1>ab10', ['<1>ab', '10']],
  ['a count with a leading zero is no count', '05 <1>ab\n', ['05 <1>ab']],
  ['a count of eleven digits is no count', '12345678901 <1>ab\n', ['12345678901 <1>ab']],
  ['a count that is beyond all reason is no count', '9999999999 <1>ab\n', ['9999999999 <1>ab']],
  ['a count without its space is no count', '16<1>1', ['16<1>1']],
  ['a counted message that the end cuts is kept and marked', '16 <1>1', ['<1>1~']],
  [
    'a count too small: the rest is kept once, marked, never read as messages',
    '4 <1>ab<2>5 <9>x',
    ['<1>a', 'b<2>5 <9>x!'],
  ],
  ['a line among counted messages is a message', '5 <1>ab<2>cd\n5 <3>ef', ['<1>ab', '<2>cd', '<3>ef']],
  [
    'a counted message longer than the limit is cut, the next is whole',
    `80 <1>${'x'.repeat(77)}5 <2>ab`,
    [`<1>${'x'.repeat(61)}~`, '<2>ab'],
  ],
  [
    'a line longer than the limit is cut, the next is whole',
    `<1>${'x'.repeat(77)}\n<2>ab\n`,
    [`<1>${'x'.repeat(61)}~`, '<2>ab'],
  ],
  ['no bytes are no messages', '', []],
];

for (const [behaviour, stream, messages] of meanings) {
  void test(`${behaviour} (F62)`, async (t) => {
    t.strictSame(frames([stream]), messages, 'in one piece');
    if (messages.some((message) => message.endsWith('!'))) return; // how much of the rest has come depends on the pieces
    const bytes = Buffer.from(stream);
    for (let cut = 1; cut < bytes.length; cut++) {
      t.strictSame(frames([bytes.subarray(0, cut), bytes.subarray(cut)]), messages, `cut at ${cut}`);
    }
    t.strictSame(frames([...bytes].map((byte) => Buffer.from([byte]))), messages, 'byte by byte');
  });
}

void test('a connection that lost its step gives nothing more, wherever it is cut (F62)', async (t) => {
  const bytes = Buffer.from('4 <1>ab<2>5 <9>x');
  for (let cut = 1; cut < bytes.length; cut++) {
    const framer = new SyslogFramer(limit);
    const got = [...framer.push(bytes.subarray(0, cut)), ...framer.push(bytes.subarray(cut)), ...framer.end()].map(
      shown,
    );
    t.equal(got[0], '<1>a', `cut at ${cut}`);
    t.ok(got.length === 2 && 'b<2>5 <9>x!'.startsWith(got[1]?.replace('!', '') ?? '?'), `cut at ${cut}: ${got[1]}`);
    t.ok(framer.isBroken);
  }
});

const message = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 40 })
  .map((text) => `<13>${text.replaceAll(/[\0\r\n]/g, ' ')}x`);
const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 60 });

/** `bytes` in pieces of the lengths given, the rest in one. */
function split(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const length of lengths) pieces.push(bytes.subarray(at, (at += length)));
  return [...pieces, bytes.subarray(at)];
}

void test('property: what is framed either way comes out as it went in, however it is split (F62)', async (t) => {
  const framings = {
    counted: (texts: readonly string[]) => texts.map((text) => `${Buffer.byteLength(text)} ${text}`).join(''),
    lines: (texts: readonly string[]) => texts.map((text) => `${text}\n`).join(''),
    nul: (texts: readonly string[]) => texts.map((text) => `${text}\0`).join(''),
  };
  for (const [name, framed] of Object.entries(framings)) {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), cuts, (texts, lengths) => {
        const wellFormed = texts.map((text) => text.toWellFormed());
        const got = frames(split(Buffer.from(framed(wellFormed)), lengths), 10_000);
        return JSON.stringify(got) === JSON.stringify(wellFormed);
      }),
    );
    t.pass(name);
  }
});

void test('property: any bytes in any pieces give the same messages, within the limit, holding no more than it (F61)', async (t) => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .array(fc.constantFrom('<', '1', '>', ' ', '2', '3', '\n', '\0', 'a'), { maxLength: 200 })
      .map((characters) => Buffer.from(characters.join(''))),
  );
  fc.assert(
    fc.property(bytes, cuts, (input, lengths) => {
      const framer = new SyslogFramer(limit);
      const got: Frame[] = [];
      for (const piece of split(Buffer.from(input), lengths)) {
        got.push(...framer.push(piece));
        if (framer.heldBytes > limit) return false;
      }
      got.push(...framer.end());
      const isBounded = got.every(({ bytes: { length } }) => length > 0 && length <= limit);
      const isSame =
        framer.isBroken && got.some(({ isBroken }) => isBroken)
          ? true
          : got.map(shown).join('|') === frames([Buffer.from(input)]).join('|');
      return isBounded && isSame;
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
