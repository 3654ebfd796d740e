/**
 * Holds what was stored of a program against its ledger: every line once. A line may be missing only where nobody could have read it
 * (written between a copytruncate's copy and its truncation), and then a stated gap of that life of the file must cover its bytes.
 */
import { createHash } from 'node:crypto';
import type { InputsAnswer } from '../../src/query/routes/inputs.ts';
import type { Life, Program, WrittenLine } from './program.ts';

type Gap = InputsAnswer['gaps'][number];

export interface Judgement {
  readonly stored: number;
  readonly lost: number;
  readonly doubled: number;
  /** Rows that are no line of the ledger, nor the beginning of one whose rest is in a gap. */
  readonly damaged: number;
  /** Lost lines that no gap covers. */
  readonly silent: number;
  /** Lost lines that were in a file that is still there: a late daemon could have read them. */
  readonly avoidable: number;
  readonly gaps: number;
  /** Gaps in which no line was lost: the daemon could not know better. Named for people, and no failure. */
  readonly needless: readonly string[];
  /** For people: the first few lines that are wrong, and where they were. */
  readonly complaints: readonly string[];
}

const shownComplaints = 10;

export async function judge(
  program: Program,
  rows: AsyncIterable<{ readonly message: string; readonly source: string }>,
  answer: Pick<InputsAnswer, 'gaps' | 'generations'>,
): Promise<Judgement> {
  const { lines } = program;
  const seen = new Uint8Array(lines.length);
  const others: string[] = [];
  let doubled = 0;
  for await (const { message, source } of rows) {
    if (!source.includes(`/${program.name}.log`)) continue;
    const number = Number(/ n=(\d+) /.exec(message)?.[1] ?? -1);
    if (number < 0 || number >= lines.length || message !== program.textOf(number)) others.push(message);
    else if (seen[number] === 1) doubled++;
    else seen[number] = 1;
  }
  const gaps = gapsByLife(program, answer);
  const spans = new Map([...gaps].map(([life, some]) => [life, joined(some)]));
  const complaints: string[] = [];
  let [lost, silent, avoidable] = [0, 0, 0];
  lines.forEach((line, number) => {
    if (seen[number] === 1) return;
    lost++;
    const isKept = line.life.keptBytes === null || line.start < line.life.keptBytes;
    const isCovered = (spans.get(line.life) ?? []).some((span) => covers(span, line, program.textOf(number), others));
    if (isKept) avoidable++;
    if (!isCovered) silent++;
    if (isKept || !isCovered) complaints.push(complaintOf(program, number, line, gaps.get(line.life) ?? []));
  });
  return {
    stored: lines.length - lost,
    lost,
    doubled,
    damaged: others.length,
    silent,
    avoidable,
    gaps: [...gaps.values()].flat().length,
    needless: [...gaps].flatMap(([life, some]) =>
      some
        .filter((gap) => !lines.some((line, number) => line.life === life && seen[number] === 0 && overlaps(gap, line)))
        .map((gap) => `${program.name} life ${program.lives.indexOf(life)} of ${life.bytes}: ${textOf(gap)}`),
    ),
    complaints: [...complaints, ...others.map((text) => `no line of the ledger: ${text}`)].slice(0, shownComplaints),
  };
}

export function isGood({ doubled, damaged, silent, avoidable }: Judgement): boolean {
  return doubled + damaged + silent + avoidable === 0;
}

/** A generation is the life whose beginning has its fingerprint. */
function gapsByLife({ lives, path }: Program, { gaps, generations }: Pick<InputsAnswer, 'gaps' | 'generations'>) {
  const lifeOf = new Map<string, Life>();
  for (const { generation, fingerprint, fingerprint_bytes, path: seenAt } of generations) {
    if (!seenAt.startsWith(path) || fingerprint_bytes === 0) continue;
    const life = lives.find(
      ({ head }) => head.length >= fingerprint_bytes && sha256(head.slice(0, fingerprint_bytes)) === fingerprint,
    );
    if (life !== undefined) lifeOf.set(generation, life);
  }
  const found = gaps.flatMap((gap) => {
    const life = lifeOf.get(gap.generation);
    return life === undefined ? [] : [{ life, gap }];
  });
  return new Map([...Map.groupBy(found, ({ life }) => life)].map(([life, some]) => [life, some.map(({ gap }) => gap)]));
}

type Span = Pick<Gap, 'start_offset' | 'end_offset'>;

/** Gaps that meet as one: what was known to be lost, and what may have come behind it, meet within a line that was being written. */
function joined(gaps: readonly Gap[]): Span[] {
  const spans: Span[] = [];
  for (const { start_offset, end_offset } of gaps.toSorted((a, b) => a.start_offset - b.start_offset)) {
    const last = spans.at(-1);
    if (last !== undefined && last.end_offset === start_offset) spans[spans.length - 1] = { ...last, end_offset };
    else spans.push({ start_offset, end_offset });
  }
  return spans;
}

/** The whole line; or the rest of it, when its beginning is a row: that row is taken out of `others`. */
function covers({ start_offset, end_offset }: Span, line: WrittenLine, text: string, others: string[]): boolean {
  if (start_offset >= line.end || (end_offset !== null && end_offset < line.end)) return false;
  if (start_offset <= line.start) return true;
  const row = others.indexOf(text.slice(0, start_offset - line.start));
  if (row === -1) return false;
  others.splice(row, 1);
  return true;
}

function overlaps({ start_offset, end_offset }: Gap, { start, end }: WrittenLine): boolean {
  return start_offset < end && (end_offset === null || end_offset > start);
}

function textOf({ reason, start_offset, end_offset }: Gap): string {
  return `${reason} [${start_offset}, ${end_offset ?? '?'})`;
}

function complaintOf(
  { name, lives }: Program,
  number: number,
  { life, start, end }: WrittenLine,
  gaps: readonly Gap[],
) {
  const stated = gaps.map(textOf).join(' ');
  return (
    `${name} line ${number}, life ${lives.indexOf(life)} [${start}, ${end}) of ${life.bytes}, ` +
    `kept ${life.keptBytes ?? 'all'}: lost; gaps stated: ${stated === '' ? 'none' : stated}`
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
