/** The loghub samples through the built program, as a user brings in history: one row a line, text intact, found by `logs`. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Case } from './run.ts';

const program = fileURLToPath(new URL('../../bin/regression.js', import.meta.url));

export function loghubImportCases(folder: string): Case[] {
  const systems = readdirSync(join(folder, 'loghub_2k'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const paths = systems.map((system) => resolve(folder, 'loghub_2k', system, `${system}_2k.log`));
  const dataDir = mkdtempSync(join(tmpdir(), 'regression-loghub-'));
  // Ours: to the program an unknown REGRESSION_ variable is a mistake.
  const { REGRESSION_SEEDS: _seeds, ...env } = process.env;
  const regression = (...args: string[]): string =>
    execFileSync(process.execPath, [program, ...args, '--data-dir', dataDir], {
      encoding: 'utf8',
      env,
      maxBuffer: 1024 ** 3,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  try {
    regression('import', ...paths);
    const again = regression('import', ...paths, '--json');
    const cases = systems.map((system, index): Case => {
      const path = paths[index] ?? '';
      const rows = regression('logs', '--source', path, '--limit', '10000', '--order', 'arrival', '--json')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { readonly message: string });
      return { kind: 'loghub_import', name: system, failure: differenceFrom(readFileSync(path, 'utf8'), rows) };
    });
    const { rows } = JSON.parse(again) as { readonly rows: number };
    return [
      ...cases,
      {
        kind: 'loghub_import',
        name: 'a second import adds nothing',
        failure: rows === 0 ? undefined : `${rows} rows more`,
      },
    ];
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

function differenceFrom(text: string, rows: readonly { readonly message: string }[]): string | undefined {
  const lines = text.split('\r\n').filter((line) => line !== '');
  if (rows.length !== lines.length) return `${lines.length} lines became ${rows.length} rows`;
  const index = rows.findIndex(
    ({ message }, row) => lines[row]?.endsWith(message.trimEnd()) !== true && lines[row]?.includes(message) !== true,
  );
  return index === -1
    ? undefined
    : `line ${index + 1} ${JSON.stringify(lines[index])} became ${JSON.stringify(rows[index]?.message)}`;
}
