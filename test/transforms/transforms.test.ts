import { test } from 'tap';
import { configSchema } from '../../src/config/schema.ts';
import type { LogRecord } from '../../src/record/log-record.ts';
import { transformsOf } from '../../src/transforms/registry.ts';
import { ManualClock } from '../manual-clock.ts';
import { aRecord } from '../records.ts';

/** What the configuration's `transforms` make of records. */
function run(transforms: readonly object[], clock = new ManualClock()) {
  const dropped: string[] = [];
  const config = configSchema.parse({ transforms });
  const transform = transformsOf(config.transforms, clock, (name) => dropped.push(name));
  return { transform, dropped };
}

const messagesOf = (records: readonly (LogRecord | null)[]): (string | undefined)[] =>
  records.map((record) => record?.message);

void test('drop takes out what matches all of its conditions, keep everything else; each drop is counted', async (t) => {
  const { transform, dropped } = run([
    { type: 'drop', when: { severity: ['DEBUG', 'TRACE'] } },
    { type: 'drop', when: { application: 'shop', message: '^GET /health', metadata: { status: '^2' } } },
    { type: 'keep', when: { source: '/var/log/' } },
  ]);

  const records = [
    aRecord({ severity: 'DEBUG' }),
    aRecord({ message: 'GET /health 200', metadata: [['status', '200']] }),
    aRecord({ message: 'GET /health 500', metadata: [['status', '500']] }),
    aRecord({ message: 'GET /health no status' }),
    aRecord({ message: 'elsewhere', source: '/srv/x.log' }),
  ];

  t.strictSame(messagesOf(records.map(transform)), [
    undefined,
    undefined,
    'GET /health 500',
    'GET /health no status',
    undefined,
  ]);
  t.strictSame(dropped, ['1:drop', '2:drop', '3:keep']);
});

void test('sample stores one in so many of what matches, and all of what does not', async (t) => {
  const { transform, dropped } = run([{ type: 'sample', one_in: 3, when: { severity: ['INFO'] } }]);
  const infos = Array.from({ length: 7 }, (_, index) => transform(aRecord({ message: `${index}` })));

  t.strictSame(messagesOf(infos), ['0', undefined, undefined, '3', undefined, undefined, '6']);
  t.ok(transform(aRecord({ severity: 'ERROR' })));
  t.equal(dropped.length, 4);
});

void test('rate_limit counts each source for itself and lets through again what time brings', async (t) => {
  const clock = new ManualClock();
  const { transform } = run([{ type: 'rate_limit', per_second: 2, burst: 3 }], clock);
  const passed = (count: number, source: string): number =>
    Array.from({ length: count }, () => transform(aRecord({ source }))).filter((record) => record !== null).length;

  t.equal(passed(10, 'a'), 3, 'the burst');
  t.equal(passed(2, 'b'), 2, 'another source');
  clock.advance(1000);
  t.equal(passed(10, 'a'), 2);
  clock.advance(60_000);
  t.equal(passed(10, 'a'), 3, 'never more than the burst');
});

void test('rename and add change metadata, and neither loses a field', async (t) => {
  const { transform } = run([
    { type: 'rename', from: 'uid', to: 'userId' },
    { type: 'add', fields: { region: 'eu', userId: 'nobody' } },
  ]);

  t.strictSame(transform(aRecord({ metadata: [['uid', '7']] }))?.metadata, [
    ['userId', '7'],
    ['region', 'eu'],
  ]);
  t.strictSame(
    transform(
      aRecord({
        metadata: [
          ['userId', '1'],
          ['uid', '7'],
        ],
      }),
    )?.metadata.slice(0, 2),
    [
      ['userId', '1'],
      ['userId#2', '7'],
    ],
  );
});

void test('redact takes secrets out of message and metadata, and the raw bytes that hold them', async (t) => {
  const { transform } = run([
    { type: 'redact', what: ['credentials', 'emails'], patterns: ['ticket-\\d+'], keys: ['ssn'] },
  ]);

  const record = transform(
    aRecord({
      message: 'login of a@example.com with password=hunter2, ticket-4711',
      metadata: [
        ['user.password', 'hunter2'],
        ['ssn', '078-05-1120'],
        ['note', 'api_key: "k1"'],
        ['raw_base64', 'cGFzc3dvcmQ9aHVudGVyMg=='],
        ['plain', 'stays'],
      ],
    }),
  );

  t.equal(record?.message, 'login of [redacted] with password=[redacted], [redacted]');
  t.strictSame(record?.metadata, [
    ['user.password', '[redacted]'],
    ['ssn', '[redacted]'],
    ['note', 'api_key: "[redacted]"'],
    ['plain', 'stays'],
  ]);
});

void test('a record without secrets passes as it is', async (t) => {
  const { transform } = run([{ type: 'redact' }]);
  const record = aRecord({ message: 'the tokenizer took 12 ms', metadata: [['raw_base64', 'AA==']] });

  t.equal(transform(record), record);
});

void test('what is wrong in a transform is said by its place', async (t) => {
  const problems = (transforms: unknown): string =>
    JSON.stringify(configSchema.safeParse({ transforms }).error?.issues);

  t.match(problems([{ type: 'drop', when: { message: '(?=x)' } }]), /RE2 syntax/);
  t.match(problems([{ type: 'sample', one_in: 1 }]), /one_in/);
  t.match(problems([{ type: 'drop', where: {} }]), /where/);
});
