/**
 * Runs the parsers over a folder of public test vectors that is kept outside the project (its terms forbid shipping it):
 * `node test/conformance/run.ts FOLDER [KIND...]`. Prints a table and every failure; exits 1 when a kind that is supported fails.
 */
import { badInputCases } from './bad-input.ts';
import { loghubCases } from './loghub.ts';
import { loghubImportCases } from './loghub-import.ts';
import { loghubPatternCases } from './loghub-patterns.ts';
import { loghubReleaseCases } from './loghub-releases.ts';
import { multilineCases } from './multiline-vectors.ts';
import { recordCases } from './record-vectors.ts';
import { streamCases } from './stream-vectors.ts';
import { syslogCases } from './syslog-vectors.ts';
import { timestampCases } from './timestamp-vectors.ts';

/** One checked case: what is wrong with the answer, or nothing. */
export interface Case {
  readonly kind: string;
  readonly name: string;
  /** Undefined: as expected. Null: a kind that is not supported yet. */
  readonly failure: string | null | undefined;
}

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node test/conformance/run.ts FOLDER [KIND...]');
  process.exit(2);
}

const results = [
  ...timestampCases(folder),
  ...syslogCases(folder),
  ...streamCases(folder),
  ...loghubCases(folder),
  ...loghubImportCases(folder),
  ...loghubPatternCases(folder),
  ...(await loghubReleaseCases(folder)),
  ...(await recordCases(folder)),
  ...(await multilineCases(folder)),
  ...(await badInputCases(folder)),
];
const kinds = Map.groupBy(results, ({ kind }) => kind);
for (const { kind, name, failure } of results)
  if (typeof failure === 'string') console.log(`FAILED ${kind} ${name}: ${failure}`);
console.log(`${'kind'.padEnd(28)}${'passed'.padStart(8)}${'failed'.padStart(8)}${'not yet'.padStart(9)}`);
let passed = 0;
let failed = 0;
for (const [kind, cases] of [...kinds].sort(([a], [b]) => a.localeCompare(b))) {
  const count = (test: (failure: Case['failure']) => boolean): number =>
    cases.filter(({ failure }) => test(failure)).length;
  const good = count((failure) => failure === undefined);
  const bad = count((failure) => typeof failure === 'string');
  passed += good;
  failed += bad;
  console.log(
    `${kind.padEnd(28)}${`${good}`.padStart(8)}${`${bad}`.padStart(8)}${`${cases.length - good - bad}`.padStart(9)}`,
  );
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
