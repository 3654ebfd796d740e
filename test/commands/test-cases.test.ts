import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { tempDir } from '../temp-dir.ts';
import { type Outcome, regressionHere } from './in-process.ts';

const config = `
application: { name: shop, version: 1.4.2 }
inputs:
  - { type: file, include: [/var/log/shop/*.log], exclude: ['*.debug.log'] }
  - { type: syslog, listen: 'udp://127.0.0.1:5514' }
transforms:
  - { type: drop, when: { severity: [DEBUG] } }
  - { type: redact, patterns: ['\\d{16}'] }
`;

async function run(t: Test, cases: string, flags: readonly string[] = []): Promise<Outcome & { cwd: string }> {
  const cwd = await tempDir(t);
  await writeFile(join(cwd, 'regression.yaml'), config);
  await writeFile(join(cwd, 'cases.yaml'), cases);
  return { cwd, ...(await regressionHere(['test', '--config', 'regression.yaml', ...flags, 'cases.yaml'], cwd)) };
}

const passing = `
cases:
  - name: a trace is one record, the card number is gone
    source: /var/log/shop/app.log
    lines:
      - '2026-11-24 03:00:00,123 ERROR payment with 4111111111111111 failed'
      - 'java.lang.IllegalStateException: no'
      - '  at shop.Pay.go(Pay.java:8)'
      - '2026-11-24 03:00:01,000 INFO next'
    expect:
      - severity: ERROR
        timestamp: '2026-11-24T03:00:00.123000Z'
        application: shop
        version: 1.4.2
        environment: null
        message: { matches: 'failed\\njava[^\\d]+Pay.java:8' }
      - { message: { matches: next$ }, metadata: { nothing: null } }
  - name: debug entries are dropped
    source: /var/log/shop/app.log
    lines: ['{"level":"debug","msg":"noise"}']
    expect: []
  - name: a syslog message without a year is of this one
    source: udp://127.0.0.1:5514
    now: '2026-03-01T00:00:00Z'
    lines: ['<11>Feb 27 10:00:00 host cron[17]: done']
    expect: [{ timestamp: '2026-02-27T10:00:00.000000Z', application: cron, metadata: { procid: '17' } }]
`;

void test('cases go through the framing, parsers and transforms of their input', async (t) => {
  const { code, stdout } = await run(t, passing);

  t.equal(
    stdout,
    `ok    a trace is one record, the card number is gone
ok    debug entries are dropped
ok    a syslog message without a year is of this one
3 passed, 0 failed
`,
  );
  t.equal(code, 0);
});

const failing = `cases:
  - name: wrong in every way
    source: /var/log/shop/app.log
    lines: ['{"level":"warn","msg":"one","order":17}', '{"level":"info","msg":"two"}']
    expect:
      - { severity: ERROR, message: { matches: '^two' }, metadata: { order: '18', user: ada, level: null } }
  - { name: nobody reads it, source: /var/log/shop/app.debug.log, lines: [x], expect: [{}] }
`;

void test('what differs is shown field by field, and the exit code is 1', async (t) => {
  const { code, stdout, stderr, cwd } = await run(t, failing);

  t.equal(code, 1);
  t.match(stderr, /^0 passed, 2 failed\n`-` is what/);
  const shown = stdout.replaceAll(cwd, '').replace(/"timestamp":"[^"]*"/, '"timestamp":"T"');
  t.equal(
    shown,
    `FAIL  wrong in every way (/cases.yaml:2)
      record 1, severity
        - "ERROR"
        + "WARN"
      record 1, message
        - something that matches ^two
        + "one"
      record 1, metadata.order
        - "18"
        + "17"
      record 1, metadata.user
        - "ada"
      record 2
        + {"timestamp":"T","severity":"INFO","application":"shop","version":"1.4.2","environment":null,"source":"/var/log/shop/app.log","message":"two","metadata":{"timestamp_origin":"observed"}}
FAIL  nobody reads it (/cases.yaml:7)
      source: no input of the configuration reads /var/log/shop/app.debug.log
        - an input that reads it
0 passed, 2 failed
`,
  );
  const json = await run(t, failing, ['--json']);
  t.match(JSON.parse(json.stdout), {
    passed: 0,
    failed: 2,
    cases: [{ name: 'wrong in every way', differences: [{}] }],
  });
});

void test('a wrong file of cases is refused with every place and exit code 2', async (t) => {
  const { code, stderr, cwd } = await run(
    t,
    'cases:\n  - name: x\n    source: y\n    lins: [z]\n    expect: [{ severity: BAD }]\n',
  );

  t.equal(code, 2);
  t.match(stderr, `${cwd}/cases.yaml:5: cases[0].expect[0].severity: expected one of TRACE, `);
  t.match(stderr, 'cases[0].lines: is missing: expected array');
  t.match(stderr, 'cases[0].lins: unknown key; did you mean `lines`?');
});
