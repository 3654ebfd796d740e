/** `regression sql`: one reading statement on a snapshot. */
import { csvCell } from '../query/row-formats.ts';
import type { Command } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { spanFlags } from './span-flags.ts';
import { tableText } from './table.ts';
import { wholeNumber } from './whole-number.ts';

interface Flags {
  readonly statement: string;
  readonly start?: string;
  readonly end?: string;
  readonly csv?: boolean;
  readonly maxRows: number;
}

export const sql: Command<Flags> = {
  usage: 'sql <statement>',
  summary: 'One SELECT over the tables',
  positionals: { statement: { type: 'string', describe: 'One SELECT or WITH', demandOption: true } },
  flags: {
    start: spanFlags.start,
    end: spanFlags.end,
    csv: { type: 'boolean', describe: 'As CSV, with a header line', conflicts: 'json' },
    maxRows: wholeNumber('max-rows', { default: 1000, describe: 'Rows at most, up to 10000' }),
  },
  examples: [
    [`regression sql "SELECT severity, count(*) AS n FROM logs GROUP BY severity"`, 'rows by severity'],
    [`regression sql --start -24h "SELECT count(*) AS n FROM logs"`, 'over the rows of a time range'],
    [`regression sql "SELECT * FROM applications" --json`, 'as NDJSON'],
  ],
  async run({ statement, start, end, csv, maxRows, ...flags }, surroundings) {
    const { stdout, stderr, signal } = surroundings;
    const endpoint = await openEndpoint({ command: 'sql' }, flags, surroundings);
    try {
      const answer = await endpoint.client.sql(statement, { start, end, max_rows: maxRows }, signal);
      const { columns, rows, limit } = answer;
      if (flags.json) {
        for (const row of rows) {
          const members = columns.map((name, index) => `${JSON.stringify(name)}:${JSON.stringify(row[index])}`);
          stdout.write(`{${members.join(',')}}\n`);
        }
      } else if (csv) {
        for (const row of [columns, ...rows])
          stdout.write(`${row.map((cell) => csvCell(String(cell ?? ''))).join(',')}\r\n`);
      } else stdout.write(tableText(columns, rows));
      if (!answer.complete) {
        stderr.write(
          `regression: not all rows were asked: ${answer.left_out} older segments were left out; narrow --start and --end\n`,
        );
      }
      if (limit !== null) stderr.write(`regression: there is more; the answer was cut at its limit of ${limit}\n`);
    } finally {
      await endpoint.close();
    }
  },
};
