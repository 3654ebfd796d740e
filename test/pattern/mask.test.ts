import fc from 'fast-check';
import { test } from 'tap';
import { Masker, maxWords } from '../../src/pattern/mask.ts';

const masker = new Masker();
const cases = {
  'Connection from 10.0.0.7 port 4022 closed after 12 ms': 'Connection from <ip> port <num> closed after <duration>',
  'peer /10.1.2.3:443, [fe80::1%eth0]:22 and ::1 gone': 'peer <ip> and <ip> gone',
  'GET https://a.example/x?y=1 by jane.doe@example.com': 'GET <url> by <email>',
  'opened /var/log/app.log and C:\\Windows\\app.txt': 'opened <path> and <path>',
  'uid=0 euid=1000, tty= user="Jane Doe" ok': 'uid=<val> euid=<val>, tty= user=<val> ok',
  'at Mon Jul 18 03:26:49 2005 and 2026-11-24T03:00:00.123Z': 'at <time> and <time>',
  'sent 451 bytes (18.4 KB), lifetime <1 sec': 'sent <num> bytes (<size>), lifetime <<duration>',
  'read blk_-3886504 from worker12 with log4j on x86': 'read blk_<num> from worker<num> with log4j on x<num>',
  'request 7c9e6679-7425-40de-944b-e07fc1f90ae7 hash 0xfeed2 of 54fadb412c4e': 'request <uuid> hash <hex> of <hex>',
  'deleted blk_1 blk_2, blk_3': 'deleted blk_<num>',
  'mac 00:1b:63:84:45:e6 host db.example:5432 v1.2.3': 'mac <mac> host <host> v<num>',
  'chdir(/tmp/x) failed, src:/10.0.0.7:80 dst:5': 'chdir(<path>) failed, src:<ip> dst:<num>',
  'I/O error and/or r-o mode': 'I/O error and/or r-o mode',
  'id=4711 id=4712 of a=b, Key2=c key= =v é=1': 'id=<val> of a=<val>, Key<num>=<val> key= =v é=<val>',
  'took 12 milliseconds, 3 Hours 4 of 5 Kb 6 Mon Jul 7': 'took <duration>, <duration> <num> of <size> <num> <time>',
  '  spaces\tand tabs  ': 'spaces and tabs',
  'first line 1\n  at Main.java:7': 'first line <num>',
  'größe 5 überschritten': 'größe <num> überschritten',
};

void test('what varies by its form is masked, the words around it stay', async (t) => {
  for (const [message, expected] of Object.entries(cases)) t.equal(masker.mask(message).toString(), expected, message);
});

void test('the value behind each mask can be asked for', async (t) => {
  const message = 'took 12 ms for user=jane at Jul 18 03:26:49';

  const words = masker.mask(message).toString().split(' ');

  t.strictSame(words, ['took', '<duration>', 'for', 'user=<val>', 'at', '<time>']);
  t.equal(wordAt(message, 1), '12 ms');
  t.equal(wordAt(message, 3), 'user=jane');
  t.equal(wordAt(message, 5), 'Jul 18 03:26:49');
  t.equal(wordAt(message, 6), '');
});

void test('the words behind the bound are one', async (t) => {
  const masked = masker.mask('word '.repeat(200)).toString();

  t.equal(masked.split(' ').length, maxWords + 1);
  t.ok(masked.endsWith(' <rest>'));
});

void test('any text is masked, the same way twice, into words without spaces', async (t) => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ maxLength: 300 }),
    fc.stringMatching(/^[ a-z0-9=:/.,"<>()[\]-]{0,200}$/),
  );
  fc.assert(
    fc.property(text, (message) => {
      const masked = masker.mask(message).toString();
      const words = masked.split(' ').length;
      for (let place = 0; place < words; place++) wordAt(message, place);
      return masker.mask(message).toString() === masked && words <= maxWords + 1 && !masked.includes('  ');
    }),
  );
  t.end();
});

void test('F32: hostile text takes linear time', { timeout: 120_000 }, async (t) => {
  // Quadratic work on these lengths would take minutes; the bound on characters makes them all cheap.
  for (const unit of ['a ', '1.', 'a=', '((((', ':', '/a', '"=', 'a1', '<num> ', '1:2', 'a.b-', '\\']) {
    for (let run = 0; run < 20; run++) masker.mask(unit.repeat(50_000));
  }
  t.pass('came back');
});

/** What stands in `message`, the last one masked, where word `index` is. */
function wordAt(message: string, index: number): string {
  return message.slice(masker.startOf(index), masker.endOf(index));
}
