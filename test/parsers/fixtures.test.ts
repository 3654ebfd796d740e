/**
 * The folder of samples is the parsers' specification: `test/fixtures/parsers/<format>/<what>.log`, one entry a line, beside
 * `<what>.expected.ndjson`, what the format's parser makes of each. REGRESSION_WRITE_FIXTURES=1 writes what is missing, to be read
 * by a person before it is committed.
 */
import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { test } from 'tap';
import { AutoParser } from '../../src/parsers/auto.ts';
import { createParser } from '../../src/parsers/registry.ts';

const root = new URL('../fixtures/parsers/', import.meta.url);
/** Formats without a year put their entries near this instant. */
const nowMs = (): number => Date.parse('2026-11-24T03:00:00Z');

for (const folder of (await readdir(root)).sort()) {
  for (const name of (await readdir(new URL(`${folder}/`, root))).filter((file) => file.endsWith('.log')).sort()) {
    void test(`${folder}: every entry of ${name} is read as written down`, async (t) => {
      const log = new URL(`${folder}/${name}`, root);
      const expectedFile = new URL(`${folder}/${name.replace(/\.log$/, '.expected.ndjson')}`, root);
      const lines = (await readFile(log, 'utf8')).split('\n').slice(0, -1);
      const parser = createParser(folder, { timezone: 'UTC', nowMs });
      const results = lines.map((line) => {
        const result = parser.parse(line);
        return result.ok
          ? { ...result.entry, metadata: result.entry.metadata.map(([key, value]) => `${key}=${value}`) }
          : { refused: result.reason };
      });
      if (!existsSync(expectedFile) && process.env['REGRESSION_WRITE_FIXTURES'] !== undefined) {
        await writeFile(expectedFile, results.map((result) => `${JSON.stringify(result)}\n`).join(''));
      }

      const expected = (await readFile(expectedFile, 'utf8')).split('\n').slice(0, -1);
      t.equal(results.length, expected.length, 'an expectation for each line');
      results.forEach((result, index) => {
        t.strictSame(JSON.parse(JSON.stringify(result)), JSON.parse(expected[index] ?? 'null'), `line ${index + 1}`);
      });
    });
    void test(`auto takes ${folder}/${name} for ${folder}`, async (t) => {
      const lines = (await readFile(new URL(`${folder}/${name}`, root), 'utf8')).split('\n').slice(0, -1);
      const parser = createParser('auto', { timezone: 'UTC', nowMs });
      for (const line of lines) parser.parse(line);

      t.equal(parser instanceof AutoParser ? parser.chosen : undefined, folder);
    });
  }
}
