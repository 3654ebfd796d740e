/**
 * Two releases of one application as log records: messages of real programs, traffic that grows by half, shuffled, with 40 changes
 * injected. A seed brings all of it back.
 */
import type { LogRecord } from '../../src/record/log-record.ts';
import type { Severity } from '../../src/record/severity.ts';
import { Random } from '../random.ts';

/** One thing that a program says, in whatever words vary. */
export interface Said {
  readonly name: string;
  readonly source: string;
  readonly text: (random: Random) => string;
  /** A value that `text` never has and `textWithNewValue` always; null where nothing in it takes few values. */
  readonly newValue: string | null;
  readonly textWithNewValue: (random: Random) => string;
}

export interface Workload {
  readonly baseline: readonly LogRecord[];
  readonly target: readonly LogRecord[];
  readonly injected: readonly Injected[];
  /** By message, the name of what says it. */
  readonly names: ReadonlyMap<string, string>;
}

export type InjectedKind = 'new error' | 'new warning' | 'vanished' | 'rate x3' | 'severity raised' | 'new value';

export interface Injected {
  readonly kind: InjectedKind;
  readonly name: string;
  /** Of `new value`. */
  readonly value: string | null;
}

interface Line {
  readonly said: Said;
  readonly weight: number;
  readonly severity: Severity;
  readonly text: (random: Random) => string;
}

const sizes = { 'new error': 7, 'new warning': 7, vanished: 7, 'rate x3': 7, 'severity raised': 6 } as const;
const newValues = 6;
/** Of all that is said, so much is in one workload: each seed has other messages. */
const mostSaid = 160;
/** Share of the lines with the new value. */
const newValueShare = 0.3;
const startMs = Date.parse('2026-11-23T00:00:00Z');
const dayMs = 86_400_000;

/** @param rows of the baseline; the target has half as many again. */
export function twoReleases(seed: number, rows: number, all: readonly Said[]): Workload {
  const random = new Random(seed);
  const lines = shuffled(all, random)
    .slice(0, mostSaid)
    .map((said) => usualLine(said, random));
  const valued = lines.filter(({ said }) => said.newValue !== null).slice(0, newValues);
  const rest = lines.filter((line) => !valued.includes(line));
  const parts = new Map<InjectedKind, readonly Line[]>();
  let at = 0;
  for (const [kind, size] of Object.entries(sizes)) parts.set(kind as InjectedKind, rest.slice(at, (at += size)));
  parts.set('new value', valued);
  const of = (kind: InjectedKind): readonly Line[] => parts.get(kind) ?? [];
  const stable = rest.slice(at);
  const before = [...stable, ...of('vanished'), ...of('rate x3'), ...of('severity raised'), ...valued];
  const after = [
    ...stable,
    ...of('rate x3').map((line) => ({ ...line, weight: line.weight * 3 })),
    ...of('severity raised').map((line) => ({ ...line, severity: 'ERROR' as const })),
    ...of('new error').map((line) => ({ ...line, severity: 'ERROR' as const })),
    ...of('new warning').map((line) => ({ ...line, severity: 'WARN' as const })),
    ...valued.map((line) => ({
      ...line,
      text: (own: Random) => (own.chance(newValueShare) ? line.said.textWithNewValue(own) : line.text(own)),
    })),
  ];
  const names = new Map<string, string>();
  // So many rows a weight on either side, else what is new would make all else rarer.
  const perWeight = rows / sumOf(before.map(({ weight }) => weight));
  return {
    baseline: recordsOf(before, perWeight, '1.4.1', startMs, random, names),
    target: recordsOf(after, perWeight * 1.5, '1.4.2', startMs + dayMs, random, names),
    injected: [...parts].flatMap(([kind, injected]) =>
      injected.map(({ said }) => ({ kind, name: said.name, value: kind === 'new value' ? said.newValue : null })),
    ),
    names,
  };
}

/** Heavy and light ones, as everywhere. */
function usualLine(said: Said, random: Random): Line {
  const weight = 1 + 20 * random.next() ** 3;
  return { said, weight, severity: random.chance(0.1) ? 'WARN' : 'INFO', text: said.text };
}

function recordsOf(
  lines: readonly Line[],
  perWeight: number,
  version: string,
  fromMs: number,
  random: Random,
  names: Map<string, string>,
): LogRecord[] {
  const application = { name: 'shop', version, environment: 'production' };
  const records = lines.flatMap(({ said, weight, severity, text }) =>
    Array.from({ length: Math.round(weight * perWeight) }, () => {
      const message = text(random);
      names.set(message, said.name);
      return { severity, message, source: said.source };
    }),
  );
  return shuffled(records, random).map((record, index) => {
    const atMs = fromMs + Math.floor((index / records.length) * (dayMs - 1));
    const timestamp = new Date(atMs).toISOString().replace('Z', '000Z');
    return { timestamp, application, metadata: [], ...record };
  });
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = random.integer(0, last);
    [result[last], result[other]] = [result[other] as Item, result[last] as Item];
  }
  return result;
}
