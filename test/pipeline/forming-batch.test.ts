import { test } from 'tap';
import { FormingBatch } from '../../src/pipeline/forming-batch.ts';
import type { LogRecord } from '../../src/record/log-record.ts';
import { aRecord } from '../records.ts';

void test('patterns are found in texts as they are stored: a NUL or half a character is another one there', (t) => {
  const looked: LogRecord[] = [];
  const batch = new FormingBatch({ look: (record) => void looked.push(record), takeChanges: () => null }, 1000);
  const plain = aRecord({ message: 'as it is' });
  const records = [aRecord({ message: 'half \ud800 one' }), aRecord({ message: 'a\0b', source: 'c\0d' }), plain];
  batch.add({ records, position: undefined, gaps: [] });

  t.strictSame(
    looked.map(({ message }) => message),
    ['half \ufffd one', 'a\u2400b', 'as it is'],
  );
  t.equal(looked[1]?.source, 'c\u2400d');
  t.equal(looked[2], plain, 'not copied');
  t.end();
});
