/** The headers of the loghub samples: every line's timestamp, severity and message against the published table. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createParser } from '../../src/parsers/registry.ts';
import { severityOfWord } from '../../src/record/severity.ts';
import { parseTimestamp } from '../../src/record/timestamp.ts';
import type { Case } from './run.ts';
import { options, wordsOf } from './vectors.ts';

/** Which columns of the table hold the time; a system without Level column has none in its lines. */
const timeColumns: Readonly<Record<string, readonly string[]>> = {
  Apache: ['Time'],
  HDFS: ['Date', 'Time'],
  Hadoop: ['Date', 'Time'],
  Linux: ['Month', 'Date', 'Time'],
  OpenSSH: ['Date', 'Day', 'Time'],
  OpenStack: ['Date', 'Time'],
  Spark: ['Date', 'Time'],
  Zookeeper: ['Date', 'Time'],
};

export function loghubCases(folder: string): Case[] {
  return Object.keys(timeColumns)
    .filter((system) => existsSync(join(folder, 'loghub_2k', system)))
    .map((system) => ({
      kind: 'loghub',
      name: system,
      failure: differenceIn(join(folder, 'loghub_2k', system), system),
    }));
}

function differenceIn(folder: string, system: string): string | undefined {
  const lines = readFileSync(join(folder, `${system}_2k.log`), 'utf8')
    .split(/\r?\n/)
    .filter((line) => line !== '');
  const [columns = [], ...rows] = readCsv(readFileSync(join(folder, `${system}_2k.log_structured.csv`), 'utf8'));
  if (lines.length !== rows.length) return `${lines.length} lines, ${rows.length} rows`;
  const parser = createParser('auto', options);
  for (const [index, line] of lines.entries()) {
    const cell = (column: string): string => rows[index]?.[columns.indexOf(column)] ?? '';
    const result = parser.parse(line);
    const entry = result.ok ? result.entry : { message: line, metadata: [], severity: undefined, timestamp: undefined };
    const at = `line ${index + 1} ${JSON.stringify(line.slice(0, 120))}`;
    const time = timeColumns[system]?.map((column) => timeCell(system, column, cell(column))).join(' ') ?? '';
    const expected = parseTimestamp(time, options);
    if (expected === null || entry.timestamp !== expected)
      return `${at}: timestamp ${entry.timestamp}, expected ${expected} (${time})`;
    if (columns.includes('Level') && system !== 'Linux') {
      const severity = severityOfWord(cell('Level'))?.severity;
      if (severity === undefined || entry.severity !== severity)
        return `${at}: severity ${entry.severity}, expected ${cell('Level')}`;
    }
    const kept = wordsOf([entry.message, ...entry.metadata.flat()].join(' '));
    const lost = [...wordsOf(cell('Content'))].find((word) => !kept.has(word));
    if (lost !== undefined) return `${at}: lost ${lost}`;
  }
  return undefined;
}

/** HDFS dates lost their leading zero in the table. */
function timeCell(system: string, column: string, value: string): string {
  if (system === 'HDFS') return value.padStart(6, '0');
  return system === 'OpenSSH' && column === 'Day' ? value.padStart(2, ' ') : value;
}

/** Rows of cells; a cell in quotes may hold commas and quotes. */
export function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const match of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === ',') continue;
    if (row.length > 1) rows.push(row);
    row = [];
  }
  return rows;
}
