/** Which lines belong together: the traces of each runtime as it prints them, loggers' headers, and an operator's own patterns. */
import { test } from 'tap';
import { type Grouping, PatternGrouping } from '../../../src/pipeline/framing/grouping.ts';
import { TraceGrouping } from '../../../src/pipeline/framing/trace-grouping.ts';
import { LinearPattern } from '../../../src/runtime/linear-pattern.ts';

/** The lines as records, as a framer would join them. */
function group(grouping: Grouping, lines: readonly string[]): string[][] {
  const records: string[][] = [];
  let isOpen = false;
  for (const line of lines) {
    const verdict = grouping.next(line, false);
    if (isOpen && (verdict === 'continues' || verdict === 'ends')) records.at(-1)?.push(line);
    else records.push([line]);
    isOpen = verdict === 'begins' || verdict === 'continues';
  }
  return records;
}

const traces: Readonly<Record<string, readonly string[]>> = {
  'Java, with a cause': [
    'Exception in thread "main" java.lang.IllegalStateException: null property',
    '\tat com.example.Author.getBookIds(Author.java:38)',
    'Caused by: java.lang.NullPointerException',
    '\tat com.example.Book.getId(Book.java:22)',
    '\t... 1 more',
  ],
  "java.util.logging's two lines": [
    'Nov 24, 2026 3:00:00 AM com.example.Shop pay',
    'WARNING: refused',
    'java.io.IOException: refused',
    '\tat com.example.Shop.pay(Shop.java:12)',
  ],
  'Python, chained': [
    'Traceback (most recent call last):',
    '  File "a.py", line 2, in f',
    '    return int(x)',
    "ValueError: invalid literal for int() with base 10: 'x'",
    'During handling of the above exception, another exception occurred:',
    'Traceback (most recent call last):',
    '  File "a.py", line 4, in <module>',
    '    raise RuntimeError("no") from error',
    'RuntimeError: no',
  ],
  'Go, with two goroutines': [
    'panic: runtime error: invalid memory address or nil pointer dereference [recovered]',
    '[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x7fd34f]',
    'goroutine 5 [running]:',
    'net/http.(*ServeMux).ServeHTTP(0xc01045cab0, {0x1234, 0x5678})',
    '\t/usr/local/go/src/net/http/server.go:1541 +0x16c',
    'created by main.main in goroutine 1',
    '\t/src/main.go:20 +0x91',
    'goroutine 1 [chan receive]:',
    'main.main()',
    '\t/src/main.go:9 +0x6f',
    'exit status 2',
  ],
  'Node, uncaught, with properties': [
    '/srv/pay.js:3',
    '    throw new Error("boom");',
    '    ^',
    'Error: boom',
    '    at Object.<anonymous> (/srv/pay.js:3:11) {',
    "  code: 'ENOENT'",
    '}',
    'Node.js v24.1.0',
  ],
  '.NET, with an inner exception': [
    'Unhandled exception. System.InvalidOperationException: boom',
    ' ---> System.Exception: inner',
    '   at Shop.Pay() in /src/Shop.cs:line 12',
    '   --- End of inner exception stack trace ---',
    '   at Shop.Main() in /src/Shop.cs:line 3',
    '--- End of stack trace from previous location ---',
    '   at Shop.Run()',
  ],
  Ruby: [
    "shop.rb:6:in 'Integer#/': divided by 0 (ZeroDivisionError)",
    "\tfrom shop.rb:6:in 'bar'",
    "\tfrom shop.rb:9:in '<main>'",
  ],
  "PHP's fatal error": [
    'PHP Fatal error:  Uncaught Exception: no in /srv/x.php:3',
    'Stack trace:',
    '#0 /srv/x.php(7): pay()',
    '#1 {main}',
    '  thrown in /srv/x.php on line 3',
  ],
  'Rust, with a backtrace': [
    "thread 'main' panicked at src/main.rs:4:5:",
    'index out of bounds: the len is 3 but the index is 99',
    'stack backtrace:',
    '   0: rust_begin_unwind',
    '             at /rustc/9fc6/library/std/src/panicking.rs:665:5',
    'note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.',
  ],
  Dart: [
    'Unhandled exception:',
    'Bad state: oops',
    '#0      main (file:///srv/main.dart:24:5)',
    '<asynchronous suspension>',
    '#1      _startIsolate (dart:isolate-patch/isolate_patch.dart:265)',
  ],
};

for (const [name, lines] of Object.entries(traces)) {
  void test(`a trace is one record, and what stands around it is not part of it: ${name}`, async (t) => {
    t.strictSame(group(new TraceGrouping(), ['Nothing special.', ...lines, 'Nothing special.']), [
      ['Nothing special.'],
      [...lines],
      ['Nothing special.'],
    ]);
  });
  void test(`a trace twice in a row is two records: ${name}`, async (t) => {
    const [head = ''] = lines;
    // Go's second panic of one process cannot be told from the first one's rest, and does not happen.
    t.strictSame(
      group(new TraceGrouping(), [...lines, ...lines]).map(([first]) => first),
      [head, head],
    );
  });
}

void test('what follows a header without one of its own belongs to its record', async (t) => {
  const first = [
    '2026-11-24 03:00:00 ERROR Main - Exception',
    'java.lang.IllegalStateException: null',
    '\tat Main.main(Main.java:16)',
  ];
  const second = ['2026-11-24 03:00:01 INFO Main - a message', 'of three', 'lines'];

  t.strictSame(group(new TraceGrouping(), [...first, ...second]), [first, second]);
});

void test('each header begins a record: times, levels, syslog, klog, logcat, Ruby, .NET', async (t) => {
  const lines = [
    '2026-11-24T03:00:00Z text',
    '[24/Nov/2026 03:00:00] text',
    '081109 203615 148 INFO text',
    '1795489200.123 text',
    'Nov 24 03:00:00 host app[1]: text',
    'Tue Nov 24 03:00:00 2026 text',
    '<13>Nov 24 03:00:00 host app: text',
    'E1124 03:00:00.692994 1 main.go:1] text',
    '11-24 03:00:00.811 1702 2395 D Tag: text',
    'E, [2026-11-24T03:00:00.138456 #12] ERROR -- : text',
    'fail: Shop.Pay[13]',
    'WARNING: text',
    '[INFO] text',
    '<info> text',
    '[main] INFO text',
    '4711:M 24 Nov 2026 03:00:00.123 * text',
    '10.0.0.9 - - [24/Nov/2026:03:00:00 +0000] "GET / HTTP/1.1" 200 1',
    'level=info msg=text',
    '{"msg":"text"}',
  ];

  t.strictSame(
    group(new TraceGrouping(), lines),
    lines.map((line) => [line]),
  );
});

void test('a JSON record takes no further lines, and no line is joined to one', async (t) => {
  t.strictSame(group(new TraceGrouping(), ['{"msg":"a"}', 'npm warn text', '{"msg":"b"}']), [
    ['{"msg":"a"}'],
    ['npm warn text'],
    ['{"msg":"b"}'],
  ]);
});

const of = (patterns: Readonly<Record<string, string>>): Grouping =>
  new PatternGrouping(
    Object.fromEntries(Object.entries(patterns).map(([name, source]) => [name, new LinearPattern(source)])),
  );

void test('a start pattern: lines that do not match go on with the record, also before the first', async (t) => {
  t.strictSame(group(of({ start: '^START' }), ['x', 'y', 'START 1', 'z', 'START 2']), [
    ['x', 'y'],
    ['START 1', 'z'],
    ['START 2'],
  ]);
});

void test('start and end patterns: what stands between two records is a record of its own', async (t) => {
  t.strictSame(group(of({ start: 'BEGIN', end: 'END' }), ['BEGIN', 'a', 'END', 'b', 'c', 'BEGIN', 'END']), [
    ['BEGIN', 'a', 'END'],
    ['b'],
    ['c'],
    ['BEGIN', 'END'],
  ]);
});

void test('an end pattern alone closes a record', async (t) => {
  t.strictSame(group(of({ end: ';$' }), ['select', '1;', 'select 2;', 'x']), [['select', '1;'], ['select 2;'], ['x']]);
});

void test('continued and continuation patterns look at opposite ends of the joint', async (t) => {
  t.strictSame(group(of({ continued: '\\\\$' }), ['a \\', 'b', 'c', 'd \\']), [['a \\', 'b'], ['c'], ['d \\']]);
  t.strictSame(group(of({ continuation: '^\\s' }), ['a', ' b', 'c', ' d']), [
    ['a', ' b'],
    ['c', ' d'],
  ]);
});

void test('a line that no pattern waits to go on is complete at once', async (t) => {
  t.equal(of({ continued: '\\\\$' }).next('complete', false), 'alone');
  t.equal(of({ continuation: '^\\s' }).next('may go on', false), 'begins');
});
