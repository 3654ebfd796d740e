/**
 * Sums the roll-ups of patterns up: one summary a pattern, aliases counted with what they became part of.
 */
import { type Severity, isAtLeast, severities } from '../record/severity.ts';
import type { PatternHistory, PatternRow } from '../store/patterns.ts';
import { variablePlaces } from './slot-values.ts';
import { survivorsOf } from './survivors.ts';

export interface PatternSummary {
  readonly application: string;
  readonly id: string;
  readonly template: string;
  readonly count: number;
  /** Only severities that occur. */
  readonly bySeverity: ReadonlyMap<Severity, number>;
  /** The one most of its records have; of equals the higher. */
  readonly severity: Severity;
  /** Timestamp of its first record ever. */
  readonly firstSeen: string;
  /** Minutes since 1970, of the range asked for; hours for what is older than two days. */
  readonly firstMinute: number;
  readonly lastMinute: number;
  /** Counts by bucket; buckets without a record are left out. */
  readonly buckets: ReadonlyMap<number, number>;
  /** By release, in the order the releases were met. */
  readonly releases: ReadonlyMap<number, number>;
  readonly exemplarId: number;
  /** The first message, cut. */
  readonly exemplar: string;
  readonly variables: readonly Variable[];
}

/** A variable of a template, over the releases asked for; not bound to the time asked for. */
export interface Variable {
  /** Place of the word in the template. */
  readonly place: number;
  /** The word as the template has it: `status=<val>`. */
  readonly word: string;
  /** Most frequent first; counts are at least four fifths of the truth. Examples only when `isMany`. */
  readonly values: readonly { readonly value: string; readonly count: number; readonly firstSeen: string }[];
  readonly isMany: boolean;
  readonly minimum: number | null;
  readonly maximum: number | null;
}

interface Draft {
  readonly row: PatternRow;
  count: number;
  bySeverity: Map<Severity, number>;
  firstSeen: string;
  firstMinute: number;
  lastMinute: number;
  buckets: Map<number, number>;
  releases: Map<number, number>;
  exemplarId: number;
  members: { readonly row: PatternRow; count: number }[];
}

/** In the order of their keys: application, then id. */
export function summarize(history: PatternHistory): PatternSummary[] {
  const byNumber = new Map(history.patterns.map((row) => [row.number, row]));
  const survivorOf = survivorsOf(history.patterns);
  const drafts = new Map<number, Draft>();
  for (const cell of history.cells) {
    const row = byNumber.get(cell.pattern);
    if (row === undefined) continue;
    const draft = draftFor(drafts, survivorOf(cell.pattern) ?? row);
    draft.count += cell.count;
    add(draft.bySeverity, cell.severity, cell.count);
    add(draft.buckets, cell.bucket, cell.count);
    add(draft.releases, cell.release, cell.count);
    draft.firstMinute = Math.min(draft.firstMinute, cell.firstMinute);
    draft.lastMinute = Math.max(draft.lastMinute, cell.lastMinute);
    draft.exemplarId = Math.max(draft.exemplarId, cell.exemplarId);
    if (row.firstSeen < draft.firstSeen) draft.firstSeen = row.firstSeen;
    const member = draft.members.find((other) => other.row === row);
    if (member === undefined) draft.members.push({ row, count: cell.count });
    else member.count += cell.count;
  }
  const variables = variablesOf(history, drafts, survivorOf);
  return [...drafts.values()]
    .map(({ row, members: _members, ...draft }) => ({
      ...draft,
      application: row.application,
      id: row.id,
      template: row.template,
      exemplar: row.exemplar,
      severity: mainSeverity(draft.bySeverity),
      variables: variables.get(row.number) ?? [],
    }))
    .sort((a, b) => compareText(keyOf(a), keyOf(b)));
}

/** Names a pattern over histories. */
export function keyOf({ application, id }: { readonly application: string; readonly id: string }): string {
  return `${application}\0${id}`;
}

export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function mainSeverity(bySeverity: ReadonlyMap<Severity, number>): Severity {
  return severities.reduce((main, severity) =>
    (bySeverity.get(severity) ?? 0) > 0 && (bySeverity.get(severity) ?? 0) >= (bySeverity.get(main) ?? 0)
      ? severity
      : main,
  );
}

/** The share of its records at or above `severity`. */
export function countFrom({ bySeverity }: PatternSummary, severity: Severity): number {
  let count = 0;
  for (const [own, ownCount] of bySeverity) if (isAtLeast(own, severity)) count += ownCount;
  return count;
}

function draftFor(drafts: Map<number, Draft>, row: PatternRow): Draft {
  let draft = drafts.get(row.number);
  if (draft === undefined) {
    draft = {
      row,
      count: 0,
      bySeverity: new Map(),
      firstSeen: row.firstSeen,
      firstMinute: Number.POSITIVE_INFINITY,
      lastMinute: Number.NEGATIVE_INFINITY,
      buckets: new Map(),
      releases: new Map(),
      exemplarId: 0,
      members: [],
    };
    drafts.set(row.number, draft);
  }
  return draft;
}

function add<Key>(counts: Map<Key, number>, key: Key, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

interface VariableDraft {
  readonly values: Map<string, { count: number; firstSeen: string }>;
  isMany: boolean;
  minimum: number | null;
  maximum: number | null;
}

/** Of each surviving pattern; what an alias had for a word where its survivor has a variable was a value of it too. */
function variablesOf(
  history: PatternHistory,
  drafts: ReadonlyMap<number, Draft>,
  survivorOf: (number: number) => PatternRow | undefined,
): Map<number, Variable[]> {
  const found = new Map<number, Map<number, VariableDraft>>();
  for (const { row } of drafts.values()) {
    const places = variablePlaces(row.template.split(' '));
    found.set(
      row.number,
      new Map(places.map((place) => [place, { values: new Map(), isMany: false, minimum: null, maximum: null }])),
    );
  }
  const at = (pattern: number, place: number): VariableDraft | undefined => {
    const row = survivorOf(pattern);
    return row === undefined ? undefined : found.get(row.number)?.get(place);
  };
  for (const { pattern, place, value, count, firstSeen } of history.values)
    addValue(at(pattern, place), value, count, firstSeen);
  for (const { pattern, place, isMany, minimum, maximum } of history.slots) {
    const variable = at(pattern, place);
    if (variable === undefined) continue;
    variable.isMany ||= isMany;
    if (minimum !== null) variable.minimum = Math.min(variable.minimum ?? minimum, minimum);
    if (maximum !== null) variable.maximum = Math.max(variable.maximum ?? maximum, maximum);
  }
  for (const { row, members } of drafts.values()) {
    const words = row.template.split(' ');
    for (const member of members) {
      const own = member.row.template.split(' ');
      for (const [place, variable] of found.get(row.number) ?? []) {
        const word = own[place] ?? '';
        if (words[place] !== word && !word.includes('<')) addValue(variable, word, member.count, member.row.firstSeen);
      }
    }
  }
  return new Map(
    [...found].map(([number, variables]) => {
      const words = drafts.get(number)?.row.template.split(' ') ?? [];
      return [
        number,
        [...variables].map(([place, draft]) => ({ place, word: words[place] ?? '', ...finished(draft) })),
      ];
    }),
  );
}

function addValue(variable: VariableDraft | undefined, value: string, count: number, firstSeen: string): void {
  if (variable === undefined) return;
  const known = variable.values.get(value);
  if (known === undefined) {
    variable.values.set(value, { count, firstSeen });
  } else {
    known.count += count;
    if (firstSeen < known.firstSeen) known.firstSeen = firstSeen;
  }
}

function finished({ values, ...rest }: VariableDraft): Omit<Variable, 'place' | 'word'> {
  const sorted = [...values].map(([value, counted]) => ({ value, ...counted }));
  sorted.sort((a, b) => b.count - a.count || compareText(a.value, b.value));
  return { ...rest, values: sorted };
}
