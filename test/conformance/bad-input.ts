/**
 * Bytes that no logger should write, each through the command line, and what must hold all the same. UDP cases go through the
 * daemon's datagram path, TCP ones through its framer: see stream-vectors.ts for those that state messages.
 */
import { join } from 'node:path';
import { SyslogFramer } from '../../src/inputs/syslog/framer.ts';
import { type Answer, type Row, parseByCommand } from './command.ts';
import type { Case } from './run.ts';
import { readVectors, type Vector, wordsOf } from './vectors.ts';

/** The daemon's bound for one line (`max_line_bytes`) and what a process with a few of them in hand may take. */
const maxPeakMiB = 400;

export function badInputCases(folder: string): Promise<Case[]> {
  return Promise.all(
    readVectors(join(folder, 'bad_input/bad_input.jsonl')).map(async (vector) => {
      const kind = `bad_${vector.kind}`;
      const { name } = vector;
      const bytes = Buffer.from(String(vector['input_b64'] ?? ''), 'base64');
      const chunks = vector.kind === 'generator' ? generated(vector) : [...framesOf(vector, bytes)];
      const flags = vector['transport'] === undefined ? [] : ['--format', 'syslog', '--multiline', 'off'];
      const answer = await parseByCommand(chunks, flags);
      const broken = (vector['must'] as string[]).map((word) => brokenRule(word, bytes, answer, vector));
      return { kind, name, failure: broken.find((failure) => failure !== undefined) };
    }),
  );
}

/** A stream's messages as its framer cuts them, a line each; anything else as it is. */
function* framesOf(vector: Vector, bytes: Buffer): Iterable<Buffer> {
  if (vector['transport'] !== 'tcp') {
    yield bytes;
    return;
  }
  const framer = new SyslogFramer(64 * 1024);
  for (const { bytes: message } of [...framer.push(bytes), ...framer.end()]) {
    yield message;
    yield Buffer.from('\n');
  }
}

function* generated({ prefix, repeat, count, suffix }: Vector): Iterable<string> {
  yield String(prefix);
  const piece = String(repeat);
  const perChunk = Math.max(1, Math.floor(65_536 / piece.length));
  for (let left = Number(count); left > 0; left -= perChunk) yield piece.repeat(Math.min(left, perChunk));
  yield String(suffix);
  if (!String(suffix).endsWith('\n')) yield '\n';
  yield 'the next line\n';
}

/** Undefined: the rule holds. */
function brokenRule(word: string, bytes: Buffer, answer: Answer, vector: Vector): string | undefined {
  const { exitCode, stderr, peakMiB } = answer;
  const isGenerated = vector.kind === 'generator';
  const next = isGenerated ? answer.rows.at(-1) : undefined;
  const rows = isGenerated ? answer.rows.slice(0, -1) : answer.rows;
  const text = bytes.toString('utf8');
  const must = (holds: boolean, what: string): string | undefined => (holds ? undefined : `${word}: ${what}`);
  const count = (wanted: number): string | undefined => must(rows.length === wanted, `${rows.length} rows`);
  switch (word) {
    case 'no_crash':
      return must(exitCode === 0 && stderr === '', `exit code ${exitCode} ${stderr}`);
    case 'one_record':
      return count(1);
    case 'two_records':
      return count(2);
    case 'zero_records_or_empty':
      return must(
        rows.every(({ message }) => message === ''),
        JSON.stringify(rows),
      );
    case '1000000_records':
      return count(1_000_000);
    case 'text_kept':
    case 'stored_as_plain_text':
      return must(lostWord(text, rows) === undefined, `lost ${lostWord(text, rows)}`);
    case 'ascii_part_kept':
      return must(
        lostWord(bytes.toString('latin1').replaceAll(/[^ -~]/g, ' '), rows) === undefined,
        JSON.stringify(rows),
      );
    case 'text_on_both_sides_kept':
      return must(
        text.split('\0').every((side) => lostWord(side, rows) === undefined),
        JSON.stringify(rows),
      );
    case 'no_trailing_cr':
      return must(!rows.some(({ message }) => message.endsWith('\r')), JSON.stringify(rows));
    case 'first_is_parsed_as_json':
      return must(rows[0]?.message === 'first' && rows[0].severity === 'INFO', JSON.stringify(rows[0]));
    case 'line before':
    case 'line after':
      return must(
        rows.some(({ message }) => message.includes(word)),
        JSON.stringify(rows),
      );
    case 'next_line_ok':
      return must(next?.message === 'the next line', JSON.stringify(next));
    case 'bounded_memory':
      return must(peakMiB < maxPeakMiB, `${Math.round(peakMiB)} MiB`);
    case 'no_broken_character_at_a_cut':
      return must(!rows.some(({ message }) => message.includes('\ufffd')), 'half a character');
    default:
      return `no check for the word ${word}`;
  }
}

/** A word of letters and digits that is in no row. The instant of a header is a row's in another form. */
function lostWord(text: string, rows: readonly Row[]): string | undefined {
  const values = rows.flatMap(({ message, application, severity, metadata }) => [
    message,
    application,
    severity,
    ...Object.entries(metadata).flat(),
  ]);
  const kept = wordsOf(values.join(' '));
  const folded = new Set([...kept].map((word) => word.toLowerCase()));
  const timeless = text.replaceAll(/\d{1,5}-\d\d-\d\dT[\d:.]+Z|\[\d\d\/\w{3}\/[^\]]*\]|^<13>\w{3} \d\d [\d:]+/gm, ' ');
  // JSON and its like may be read: what they escape is compared as what it stands for.
  return [...wordsOf(timeless.replaceAll(/\\[nrtu]\w*/g, ' '))].find(
    (word) => !folded.has(word.toLowerCase()) && !isKeyOfRole(word),
  );
}

/** Keys that give a column of the row: their value is there, their name is the column's. */
function isKeyOfRole(word: string): boolean {
  return ['level', 'msg', 'time', 'log', 'P', 'stdout', 'F'].includes(word);
}
