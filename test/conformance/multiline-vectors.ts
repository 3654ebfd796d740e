/** Records of several lines, with the product's defaults or the rule that the source suite sets. */
import { join } from 'node:path';
import { type Row, parseByCommand } from './command.ts';
import type { Case } from './run.ts';
import { atOurPrecision, readVectors, severityNames } from './vectors.ts';

interface ExpectedRecord {
  readonly text: string;
  readonly lines: readonly [number, number];
  readonly timestamp_local?: string;
  readonly severity?: string;
}

export function multilineCases(folder: string): Promise<Case[]> {
  return Promise.all(
    readVectors(join(folder, 'multiline/multiline.jsonl')).map(async (vector) => {
      const { kind, name } = vector;
      const lines = vector['input_lines'] as string[];
      const flags = flagsOf((vector['config'] as Record<string, string> | undefined) ?? {});
      const { rows, exitCode } = await parseByCommand(Buffer.from(`${lines.join('\n')}\n`), flags);
      if (exitCode !== 0) return { kind, name, failure: `exit code ${exitCode}` };
      const records = (vector['expect'] as { records: ExpectedRecord[] }).records.filter(({ text }) => text !== '');
      const failure = vector['soft'] === true ? outOfOrder(records, rows) : differenceFrom(records, rows);
      return { kind, name, failure };
    }),
  );
}

function flagsOf(config: Readonly<Record<string, string>>): string[] {
  const { start_pattern: start, end_pattern: end } = config;
  const startsWith = config['continued_when_line_starts_with'];
  const endsWith = config['continued_when_line_ends_with'];
  return [
    ...(start === undefined ? [] : ['--multiline', start]),
    ...(end === undefined ? [] : ['--multiline-end', end]),
    ...(startsWith === undefined
      ? []
      : ['--multiline-continuation', startsWith === 'whitespace' ? '^\\s' : `^${startsWith}`]),
    ...(endsWith === undefined ? [] : ['--multiline-continued', `${endsWith.replace('\\', '\\\\')}$`]),
  ];
}

function differenceFrom(records: readonly ExpectedRecord[], rows: readonly Row[]): string | undefined {
  if (rows.length !== records.length) {
    return `${rows.length} rows, not ${records.length}: ${JSON.stringify(rows.map(({ message }) => message.slice(0, 60)))}`;
  }
  for (const [index, { text, lines, timestamp_local: local, severity }] of records.entries()) {
    const row = rows[index];
    if (row === undefined) return 'no row';
    const at = `record of lines ${lines.join('-')}`;
    if (local !== undefined && row.timestamp !== atOurPrecision(`${local}Z`))
      return `${at}: timestamp ${row.timestamp}`;
    if (severity !== undefined && row.severity !== severityNames[severity]) return `${at}: severity ${row.severity}`;
    // The header of the first line may have become fields; all other lines are in the message as they were.
    const [first = '', ...others] = text.split('\n');
    let from = 0;
    for (const line of first.startsWith('{') ? [] : others) {
      const found = row.message.indexOf(line.trim(), from);
      if (found < 0) return `${at}: lost ${JSON.stringify(line)} in ${JSON.stringify(row.message.slice(0, 200))}`;
      from = found + line.trim().length;
    }
    const lastWord = first.match(/[\p{L}\p{N}]+/gu)?.at(-1) ?? '';
    if (!JSON.stringify(row).includes(lastWord)) return `${at}: lost ${lastWord}`;
  }
  return undefined;
}

/** Several groupings are accepted: what counts is that all text is there, in order. */
function outOfOrder(records: readonly ExpectedRecord[], rows: readonly Row[]): string | undefined {
  const all = rows.map(({ message }) => message).join('\n');
  let at = 0;
  for (const line of records.flatMap(({ text }) => text.split('\n'))) {
    const words = line.split(/\s+/).filter((word) => /^[A-Za-z]{3,}$/.test(word) && !/^info$/i.test(word));
    for (const word of words) {
      const found = all.indexOf(word, at);
      if (found < 0) return `lost or moved: ${word}`;
      at = found + word.length;
    }
  }
  return undefined;
}
