import { test } from 'tap';
import type { Span } from '../../src/query/pattern-questions.ts';
import { aRecord } from '../records.ts';
import { asking, changesOfHalves, judgedReleases, limits } from './judged-releases.ts';
import { programMessages } from './program-messages.ts';

void test(
  'of 40 changes in a release with half as much traffic again at least 38 are found, with at most 2 false alarms',
  { timeout: 240_000 },
  async (t) => {
    for (const seed of [1, 20261125]) {
      const { lines, injected, missed, falseAlarms, changes } = await judgedReleases(seed, 22_000, programMessages());

      t.ok(lines >= 50_000, `${lines} lines`);
      t.equal(injected.length, 40);
      t.ok(missed.length <= 2, `missed: ${missed.map(({ kind, name }) => `${kind} of ${name}`).join('; ')}`);
      t.ok(falseAlarms.length <= 2, `false: ${falseAlarms.map(({ because }) => because).join('; ')}`);
      t.match(changes[0], { severity: 'ERROR' });
    }
  },
);

void test('two halves of the same release differ in nothing', { timeout: 240_000 }, async (t) => {
  for (const seed of [2, 3]) {
    const changes = await changesOfHalves(seed, 50_000, programMessages());

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
