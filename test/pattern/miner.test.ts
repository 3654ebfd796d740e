import { test } from 'tap';
import { PatternMiner } from '../../src/pattern/miner.ts';
import { maxOwnTrees } from '../../src/pattern/miner-trees.ts';
import { maxValues } from '../../src/pattern/slot-values.ts';
import type { PatternChanges } from '../../src/record/pattern-changes.ts';
import { type PatternCount, countsIn } from '../../src/record/pattern-counts.ts';
import { aRecord } from '../records.ts';

const bounds = { maxPatterns: 1000, maxPatternsPerApplication: 100 };

void test('a batch is counted by pattern, release, severity and minute', async (t) => {
  const miner = new PatternMiner(bounds);
  const other = { name: 'shop', version: '2.4.0', environment: 'production' };
  const changes = miner.observe([
    aRecord({ message: 'job 1 done' }),
    aRecord({ message: 'job 2 done' }),
    aRecord({ message: 'job 3 done', severity: 'WARN' }),
    aRecord({ message: 'job 4 done', timestamp: '2026-11-24T03:01:00.000000Z' }),
    aRecord({ message: 'job 5 done', application: other }),
  ]);

  const [pattern] = changes?.added ?? [];
  t.equal(changes?.added.length, 1);
  t.match(pattern, { application: 'shop', template: 'job <*> done', exemplar: 'job 1 done' });
  const first = Date.parse('2026-11-24T03:00:00Z') / 60_000;
  t.strictSame(
    countsOf(changes).map(({ severity, minute, count, record }) => [severity, minute - first, count, record]),
    [
      ['INFO', 0, 2, 0],
      ['WARN', 0, 1, 2],
      ['INFO', 1, 1, 3],
      ['INFO', 0, 1, 4],
    ],
  );
});

void test('applications learn apart from each other', async (t) => {
  const miner = new PatternMiner(bounds);
  const names = ['root', 'admin', 'guest', 'jane'];
  miner.observe(names.map((name) => aRecord({ message: `hello user ${name}` })));
  const changes = miner.observe([
    aRecord({ message: 'hello user root', application: { name: 'till', version: null, environment: null } }),
  ]);

  t.match(changes?.added, [{ application: 'till', template: 'hello user root' }]);
});

void test('sources of an application learn apart, the first sixteen of them', async (t) => {
  const miner = new PatternMiner({ maxPatterns: 1000, maxPatternsPerApplication: 1000 });
  const said = (source: string, names: readonly string[]) =>
    miner.observe(names.map((name) => aRecord({ source, message: `hello user ${name}` })))?.added ?? [];
  said('/var/log/first.log', ['root', 'admin', 'guest', 'jane']);

  t.match(said('/var/log/second.log', ['root']), [{ source: '/var/log/second.log', template: 'hello user root' }]);
  t.strictSame(said('/var/log/first.log', ['somebody']), [], 'where it is known that any user may come');
  for (let index = 3; index <= maxOwnTrees; index++) said(`/var/log/${index}.log`, ['root']);
  t.match(said('/var/log/late.log', ['root']), [{ source: '', template: 'hello user root' }]);
  t.strictSame(said('/var/log/later.log', ['root']), [], 'these share');
});

void test('a miner of the next run has the trees of the last', async (t) => {
  const before = new PatternMiner(bounds);
  const names = ['root', 'admin', 'guest', 'jane'];
  const told = before.observe(names.map((name) => aRecord({ source: 'a.log', message: `hello user ${name}` })));
  const merged = new Map(told?.merged.map(({ number, learned }) => [number, learned]));
  const learned = told?.merged[0]?.learned ?? [];
  const known = (told?.added ?? [])
    .filter(({ number }) => !merged.has(number))
    .map((pattern) => ({ ...pattern, learned }));
  const after = new PatternMiner(bounds, known, 50);

  t.strictSame(after.observe([aRecord({ source: 'a.log', message: 'hello user other' })])?.added, []);
  t.match(after.observe([aRecord({ source: 'b.log', message: 'hello user other' })])?.added, [{ number: 51 }]);
});

void test('applications past the bound are counted together', async (t) => {
  const miner = new PatternMiner({ maxPatterns: 10_000, maxPatternsPerApplication: 10 });
  const changes = miner.observe(
    Array.from({ length: 2010 }, (_, index) =>
      aRecord({ message: 'ready', application: { name: `program-${index}`, version: null, environment: null } }),
    ),
  );

  t.equal(changes?.added.length, 2001);
  t.match(changes?.added.at(-1), { application: '<other applications>', template: '<anything>' });
  t.equal(countsOf(changes).filter(({ pattern }) => pattern === changes?.added.at(-1)?.number).length, 10);
});

void test('values of a variable are told one by one while they are few, then as a range', async (t) => {
  const miner = new PatternMiner(bounds);
  const few = miner.observe([200, 404, 200].map((status) => aRecord({ message: `answered status=${status}` })));
  const many = miner.observe(
    Array.from({ length: 100 }, (_, index) => aRecord({ message: `answered status=${index}` })),
  );

  t.strictSame(
    few?.values.map(({ value, count }) => [value, count]),
    [
      ['200', 2],
      ['404', 1],
    ],
  );
  t.equal(many?.values.length, maxValues - 2);
  t.match(many?.slots, [{ isMany: true, minimum: 0 }]);
});

void test('only decimals, with a unit or without, make the range of a variable', async (t) => {
  const miner = new PatternMiner(bounds);
  const rangeOf = (name: string, values: readonly string[]): unknown =>
    miner.observe(values.map((value) => aRecord({ message: `answered ${name}=${value}` })))?.slots;

  t.match(rangeOf('took', ['12.5ms', '-3ms', '7ms']), [{ minimum: -3, maximum: 12.5 }]);
  t.match(rangeOf('load', ['5%', '80%']), [{ minimum: 5, maximum: 80 }]);
  t.strictSame(rangeOf('id', ['5e96', '1e99ab', '77ab', '10456c031199', '3b', '0x1f', '10.0.0.7', '12:30']), []);
});

void test('what was told before is not told again after a restart, and numbers go on', async (t) => {
  const before = new PatternMiner(bounds);
  const [told] = before.observe([aRecord({ message: 'job 1 done' })])?.added ?? [];
  const known = told === undefined ? [] : [told];
  const after = new PatternMiner(bounds, known, 7);

  const changes = after.observe([aRecord({ message: 'job 2 done' }), aRecord({ message: 'something new' })]);

  t.match(changes?.added, [{ number: 8, template: 'something new' }]);
  t.equal(countsOf(changes)[0]?.pattern, told?.number);
});

void test('past the bound records are counted under the catch-all', async (t) => {
  const miner = new PatternMiner({ maxPatterns: 3, maxPatternsPerApplication: 100 });
  const words = ['one', 'two', 'three', 'four', 'five'];
  const changes = miner.observe(words.map((word) => aRecord({ message: `${word} happened` })));

  t.strictSame(
    changes?.added.map(({ template }) => template),
    ['one happened', 'two happened', 'three happened', '<anything>'],
  );
  t.equal(countsOf(changes).at(-1)?.count, 2);
});

function countsOf(changes: PatternChanges | null): PatternCount[] {
  return changes === null ? [] : [...countsIn(changes.counts)];
}
