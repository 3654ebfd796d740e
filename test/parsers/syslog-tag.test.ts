/** The tag of RFC 3164, read by hand, against the pattern that says what it is. */
import fc from 'fast-check';
import { test } from 'tap';
import { type Tag, readTag } from '../../src/parsers/syslog-tag.ts';

const tag = /(?<name>[\w./%()@#+-]+)(?:\[(?<pid>[^\]\s]*)\]:? ?|: ?(?!\/\/))/y;
const sender = / ?\((?<sender>[\w.-]+(?:\[\d+\])?)\): /y;

function tagByPattern(text: string, at: number, hasTime: boolean): Tag {
  tag.lastIndex = at;
  const groups = tag.exec(text)?.groups;
  const name = groups?.['name'];
  if (name === undefined) return { end: at };
  if (!hasTime && !/^%?[A-Za-z][\w./%()@#+-]*$/.test(name)) return { end: at };
  const pid = groups?.['pid'];
  if (pid === undefined) return { name, end: tag.lastIndex };
  sender.lastIndex = tag.lastIndex;
  const onBehalfOf = sender.exec(text)?.groups?.['sender'];
  return { name, pid, sender: onBehalfOf, end: onBehalfOf === undefined ? tag.lastIndex : sender.lastIndex };
}

const pieces = fc.oneof(
  fc.constantFrom(
    'app',
    'a-b',
    '%X',
    '9',
    '[',
    ']',
    '[12]',
    ':',
    ': ',
    ' ',
    '//',
    '(',
    ')',
    ' (x.y[3]): ',
    'é',
    '\u00a0',
    '\t',
    '\0',
  ),
  fc.string({ maxLength: 3 }),
);

void test('property: a tag by hand is the tag of the pattern', async (t) => {
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 8 }), fc.nat({ max: 3 }), fc.boolean(), (parts, from, hasTime) => {
      const text = parts.join('');
      const at = Math.min(from, text.length);
      const shown = ({ name, pid, sender: onBehalfOf, end }: Tag): string =>
        JSON.stringify([name, pid, onBehalfOf, end]);
      return shown(readTag(text, at, hasTime)) === shown(tagByPattern(text, at, hasTime));
    }),
    { numRuns: 3000 },
  );
  t.pass();
});
