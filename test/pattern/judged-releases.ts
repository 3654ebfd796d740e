/** What a comparison says of two releases whose changes are known: what it found, what it missed, what it made up. */
import type { Change, ChangeKind } from '../../src/pattern/change.ts';
import { PatternMiner } from '../../src/pattern/miner.ts';
import { PatternQuestions } from '../../src/query/pattern-questions.ts';
import type { LogRecord } from '../../src/record/log-record.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { Random } from '../random.ts';
import { type Injected, type InjectedKind, type Said, shuffled, twoReleases } from './two-releases.ts';

export const limits = { deadlineMs: 60_000 };

export interface Judged {
  readonly lines: number;
  readonly injected: readonly Injected[];
  readonly missed: readonly Injected[];
  readonly falseAlarms: readonly Change[];
  readonly changes: readonly Change[];
}

/** What a change may be told as. A word that becomes a variable only by experience is a new message at first. */
const tellings: Readonly<Record<InjectedKind, readonly ChangeKind[]>> = {
  'new error': ['new'],
  'new warning': ['new'],
  vanished: ['gone'],
  'rate x3': ['more'],
  'severity raised': ['severity_raised'],
  'new value': ['new_value', 'new'],
};

/** Both releases at once, in any order. */
export async function judgedReleases(seed: number, rows: number, all: readonly Said[]): Promise<Judged> {
  const { baseline, target, injected, names } = twoReleases(seed, rows, all);
  const questions = await asking(shuffled([...baseline, ...target], new Random(seed)));
  const sides = { baseline: { version: '1.4.1' }, target: { version: '1.4.2' } };
  const { changes } = await questions.compare(sides, {}, limits);
  const nameOf = ({ exemplar }: Change): string | undefined => names.get(exemplar);
  const isTold = ({ kind, name, value }: Injected): boolean =>
    changes.some(
      (change) =>
        tellings[kind].includes(change.kind) &&
        nameOf(change) === name &&
        (value === null || `${change.variable?.value} ${change.exemplar}`.includes(value)),
    );
  return {
    lines: baseline.length + target.length,
    injected,
    missed: injected.filter((one) => !isTold(one)),
    falseAlarms: changes.filter((change) => !injected.some(({ name }) => name === nameOf(change))),
    changes,
  };
}

/** Two halves of one release. */
export async function changesOfHalves(seed: number, rows: number, all: readonly Said[]): Promise<readonly Change[]> {
  const { baseline } = twoReleases(seed, rows, all);
  const questions = await asking(baseline);
  const middle = '2026-11-23T12:00:00Z';
  const { changes } = await questions.compare({ baseline: { end: middle }, target: { start: middle } }, {}, limits);
  return changes;
}

export async function asking(records: readonly LogRecord[]): Promise<PatternQuestions> {
  const store = new SqliteStore(':memory:');
  const miner = new PatternMiner({ maxPatterns: 10_000, maxPatternsPerApplication: 10_000 });
  for (let from = 0; from < records.length; from += 5000) {
    const batch = records.slice(from, from + 5000);
    await store.append({ records: batch, positions: [], gaps: [], patterns: miner.observe(batch) });
  }
  return new PatternQuestions(store, Date.now);
}
