/** `regression sql`: one reading statement on a snapshot. */
import { csvCell } from '../query/row-formats.ts';
import type { Command } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { tableText } from './table.ts';

interface Flags {
  readonly statement: string;
  readonly csv?: boolean;
  readonly maxRows: number;
}

export const sql: Command<Flags> = {
  usage: 'sql <statement>',
  summary: 'One SELECT over the tables',
  positionals: { statement: { type: 'string', describe: 'One SELECT or WITH', demandOption: true } },
  flags: {
    csv: { type: 'boolean', describe: 'As CSV, with a header line', conflicts: 'json' },
    maxRows: { type: 'number', default: 1000, describe: 'Rows at most, up to 10000', requiresArg: true },
  },
  examples: [
    [`regression sql "SELECT severity, count(*) AS n FROM logs GROUP BY severity"`, 'rows by severity'],
    [`regression sql "SELECT * FROM applications" --json`, 'as NDJSON'],
  ],
  async run({ statement, csv, maxRows, ...flags }, surroundings) {
    const { stdout, stderr, signal } = surroundings;
    const endpoint = await openEndpoint({ command: 'sql' }, flags, surroundings);
    try {
      const { columns, rows, limit } = await endpoint.client.sql(statement, { max_rows: maxRows }, signal);
      if (flags.json) {
        for (const row of rows) {
          const members = columns.map((name, index) => `${JSON.stringify(name)}:${JSON.stringify(row[index])}`);
          stdout.write(`{${members.join(',')}}\n`);
        }
      } else if (csv) {
        for (const row of [columns, ...rows])
          stdout.write(`${row.map((cell) => csvCell(String(cell ?? ''))).join(',')}\r\n`);
      } else stdout.write(tableText(columns, rows));
      if (limit !== null) stderr.write(`regression: there is more; the answer was cut at its limit of ${limit}\n`);
    } finally {
      await endpoint.close();
    }
  },
};
