/** The quick way of writing short text against the one that takes all text. */
import fc from 'fast-check';
import { test } from 'tap';
import { JsonbWriter } from '../../src/store/jsonb.ts';

const texts = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 40 }));

void test('property: short ASCII is written as any text is, and all else is refused without a trace', async (t) => {
  fc.assert(
    fc.property(texts, fc.boolean(), (text, hasLead) => {
      const [quick, thorough] = [new JsonbWriter(), new JsonbWriter(16)];
      const isWritten = quick.shortAscii(text, hasLead ? 1 : 0);
      if (isWritten) thorough.text(hasLead ? `\u0001${text}` : text);
      // oxlint-disable-next-line no-control-regex -- NUL is what this is about
      const isShortAscii = text.length <= 32 && /^[\u0001-\u007f]*$/.test(text);
      return isWritten === isShortAscii && Buffer.from(quick.toBytes()).equals(thorough.toBytes());
    }),
  );
  t.pass();
});

void test('what is taken back leaves no trace', async (t) => {
  const writer = new JsonbWriter();
  writer.integer(1);
  const start = writer.beginArray();
  writer.text('gone');
  writer.rewind(start);
  const only = new JsonbWriter();
  only.integer(1);

  t.strictSame(writer.toBytes(), only.toBytes());
});
