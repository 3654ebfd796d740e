import { test } from 'tap';
import { PatternMiner } from '../../src/pattern/miner.ts';
import { PatternQuestions, type Span } from '../../src/query/pattern-questions.ts';
import type { LogRecord } from '../../src/record/log-record.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { Random } from '../random.ts';
import { aRecord } from '../records.ts';
import { shuffled, twoReleases } from './two-releases.ts';

const limits = { deadlineMs: 60_000 };

void test(
  'of 40 changes in a release with half as much traffic again at least 38 are found, with at most 2 false alarms',
  { timeout: 240_000 },
  async (t) => {
    for (const seed of [1, 7, 20261125]) {
      const { baseline, target, injected } = twoReleases(seed, 22_000);
      t.ok(baseline.length + target.length >= 50_000, `${baseline.length + target.length} lines`);
      const random = new Random(seed);
      const questions = await asking(shuffled([...baseline, ...target], random));

      const { changes } = await questions.compare(
        { baseline: { version: '1.4.1' }, target: { version: '1.4.2' } },
        {},
        limits,
      );

      const found = injected.filter(({ kind, name }) =>
        changes.some((change) => change.kind === kind && change.template.includes(name)),
      );
      const falseAlarms = changes.filter(({ template }) => !injected.some(({ name }) => template.includes(name)));
      t.equal(injected.length, 40);
      t.ok(
        found.length >= 38,
        `${found.length} found; not: ${injected
          .filter((one) => !found.includes(one))
          .map(({ kind, name }) => `${kind} ${name}`)
          .join(', ')}`,
      );
      t.ok(falseAlarms.length <= 2, `false: ${falseAlarms.map(({ because }) => because).join('; ')}`);
      t.match(changes[0], { severity: 'ERROR' });
    }
  },
);

void test('two halves of the same release differ in nothing', { timeout: 240_000 }, async (t) => {
  for (const seed of [2, 3]) {
    const { baseline } = twoReleases(seed, 50_000);
    const questions = await asking(baseline);
    const middle = '2026-11-23T12:00:00Z';

    const { changes } = await questions.compare({ baseline: { end: middle }, target: { start: middle } }, {}, limits);

    t.strictSame(
      changes.map(({ because }) => because),
      [],
    );
  }
});

void test('an application that only one side has is no list of news', async (t) => {
  const other = { name: 'till', version: '1', environment: null };
  const questions = await asking([
    ...Array.from({ length: 50 }, () => aRecord({ message: 'service ready' })),
    ...Array.from({ length: 50 }, () => aRecord({ message: 'till open', application: other })),
  ]);

  const sides: Record<'baseline' | 'target', Span> = { baseline: { version: '2.3.1' }, target: { version: '1' } };
  const { changes } = await questions.compare(sides, {}, limits);

  t.strictSame(changes, []);
});

void test('a release that logs into a file of its own says nothing new by that', async (t) => {
  const users = ['root', 'admin', 'guest', 'jane', 'wei', 'ines'];
  const logged = (version: string, source: string, names: readonly string[]) =>
    names.flatMap((name) =>
      Array.from({ length: 30 }, () =>
        aRecord({ message: `hello user ${name}`, source, application: { name: 'shop', version, environment: null } }),
      ),
    );
  const questions = await asking([
    ...logged('1', '/var/log/shop-1.log', users),
    ...logged('2', '/var/log/shop-2.log', users.slice(0, 1)),
  ]);

  const { changes, patterns } = await questions.compare(
    { baseline: { version: '1' }, target: { version: '2' } },
    {},
    limits,
  );

  t.equal(patterns, 1, 'what the first file taught holds for the second');
  t.strictSame(
    changes.filter(({ kind }) => kind !== 'less'),
    [],
  );
});

void test('a side compared with itself is refused', async (t) => {
  const questions = await asking([aRecord()]);
  await t.rejects(questions.compare({ baseline: {}, target: {} }, {}, limits), { code: 'QUERY_INVALID' });
});

async function asking(records: readonly LogRecord[]): Promise<PatternQuestions> {
  const store = new SqliteStore(':memory:');
  const miner = new PatternMiner({ maxPatterns: 10_000, maxPatternsPerApplication: 10_000 });
  for (let from = 0; from < records.length; from += 5000) {
    const batch = records.slice(from, from + 5000);
    await store.append({ records: batch, positions: [], gaps: [], patterns: miner.observe(batch) });
  }
  return new PatternQuestions(store, Date.now);
}
