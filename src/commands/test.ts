/** `regression test`: a user's own cases (lines in, records expected) against the configuration. Touches no store. */
import { resolve } from 'node:path';
import { RegressionError } from '../runtime/errors.ts';
import type { Command } from './command.ts';
import type { CaseOutcome } from './test-cases.ts';

interface Flags {
  readonly files: readonly string[];
}

export const test: Command<Flags> = {
  usage: 'test <files..>',
  summary: 'Run your own cases, lines in and records expected, against the configuration; touches no store',
  positionals: { files: { type: 'string', array: true, describe: 'YAML files of cases, see docs/operations.md' } },
  examples: [
    ['regression test --config regression.yaml cases.yaml', 'is the card number redacted, is the trace one record?'],
    ['regression test --json cases/*.yaml', 'the same for machines; exit code 1 when a case fails'],
  ],
  async run(flags, surroundings) {
    const { effectiveConfig } = await import('./effective-config.ts');
    const { readCases, runCase } = await import('./test-cases.ts');
    const { config } = await effectiveConfig(flags, surroundings);
    const files = await Promise.all(flags.files.map((file) => readCases(resolve(surroundings.cwd, file))));
    const outcomes = files.flat().map((given) => runCase(given, config));
    const failed = outcomes.filter(({ differences }) => differences.length > 0).length;
    const sums = `${outcomes.length - failed} passed, ${failed} failed`;
    if (flags.json) {
      surroundings.stdout.write(`${JSON.stringify({ passed: outcomes.length - failed, failed, cases: outcomes })}\n`);
    } else {
      surroundings.stdout.write(`${outcomes.map(textOf).join('')}${sums}\n`);
    }
    if (failed === 0) return;
    throw new RegressionError('TEST_FAILED', sums, {
      hint: '`-` is what the case expects, `+` what the configuration makes of its lines.',
    });
  },
};

function textOf({ name, place, differences }: CaseOutcome): string {
  if (differences.length === 0) return `ok    ${name}\n`;
  const lines = differences.map(({ where, expected, got }) => {
    const side = (sign: string, value: string | null): string => (value === null ? '' : `        ${sign} ${value}\n`);
    return `      ${where}\n${side('-', expected)}${side('+', got)}`;
  });
  return `FAIL  ${name} (${place})\n${lines.join('')}`;
}
