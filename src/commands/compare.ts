/** `regression compare`: what changed between two releases or two spans of time; a gate for pipelines. */
import type { ChangeAnswer, DiffAnswer } from '../query/pattern-schemas.ts';
import { printable } from '../query/row-text.ts';
import { isAtLeast } from '../record/severity.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { Command } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { wholeNumber } from './whole-number.ts';

interface Flags {
  readonly baseline?: string;
  readonly target?: string;
  readonly baselineStart?: string;
  readonly baselineEnd?: string;
  readonly targetStart?: string;
  readonly targetEnd?: string;
  readonly application?: string;
  readonly environment?: string;
  readonly failOn?: readonly string[];
  readonly format?: string;
  readonly minSupport: number;
}

const time = (describe: string) => ({ type: 'string', describe, requiresArg: true }) as const;

export const compare: Command<Flags> = {
  usage: 'compare',
  summary: 'What changed between two releases, or two spans of time',
  flags: {
    baseline: { type: 'string', describe: 'Version to compare with', requiresArg: true },
    target: { type: 'string', describe: 'Version that is judged', requiresArg: true },
    baselineStart: time('Begin of the baseline, e.g. -48h'),
    baselineEnd: time('End of the baseline, exclusive'),
    targetStart: time('Begin of the target, e.g. -24h'),
    targetEnd: time('End of the target, exclusive'),
    application: { type: 'string', describe: 'Name of the application', requiresArg: true },
    environment: { type: 'string', describe: "The application's environment", requiresArg: true },
    failOn: {
      type: 'string',
      array: true,
      describe: 'Exit 1 when there is such a change: new-error, new, severity, value, gone, rate:2x',
      requiresArg: true,
    },
    format: {
      choices: ['text', 'json', 'junit'],
      describe: 'junit: a test report for a pipeline; --json is short for json',
      requiresArg: true,
    },
    minSupport: wholeNumber('min-support', { default: 3, describe: 'Fewer records are no change' }),
  },
  examples: [
    ['regression compare --baseline 1.4.1 --target 1.4.2 --fail-on new-error', 'a release gate'],
    ['regression compare --baseline-start -48h --baseline-end -24h --target-start -24h', 'today against yesterday'],
    ['regression compare --baseline 1.4.1 --target 1.4.2 --format junit > report.xml', 'for a pipeline'],
  ],
  async run(flags, surroundings) {
    const { stdout, signal } = surroundings;
    const rules = (flags.failOn ?? []).flatMap((given) => given.split(',')).map(ruleOf);
    const endpoint = await openEndpoint({ command: 'compare' }, flags, surroundings);
    try {
      const answer = await endpoint.client.comparePatterns(questionOf(flags), signal);
      const failing = answer.changes.filter((change) => rules.some(({ breaks }) => breaks(change)));
      const format = flags.json ? 'json' : (flags.format ?? 'text');
      stdout.write(textIn(format, answer, failing));
      if (rules.length > 0) refuseEmptySide(answer);
      if (failing.length === 0) return;
      throw new RegressionError('GATE_FAILED', `${failing.length} of ${answer.total} changes are ones to fail on`, {
        hint: `--fail-on ${rules.map(({ name }) => name).join(',')}`,
      });
    } finally {
      await endpoint.close();
    }
  },
};

/** @throws RegressionError `GATE_FAILED`: a version that is misspelt, or was never seen, would pass every gate. */
function refuseEmptySide(answer: DiffAnswer): void {
  const empty = emptySideOf(answer);
  if (empty === null) return;
  throw new RegressionError('GATE_FAILED', `${empty} has no records: nothing was compared`, {
    hint: "Known versions: regression sql 'SELECT name, version, environment FROM applications'",
  });
}

function emptySideOf({ baseline_records: before, target_records: now }: DiffAnswer): string | null {
  if (now === 0) return 'the target';
  return before === 0 ? 'the baseline' : null;
}

function questionOf(flags: Flags) {
  return {
    baseline: flags.baseline,
    target: flags.target,
    baseline_start: flags.baselineStart,
    baseline_end: flags.baselineEnd,
    target_start: flags.targetStart,
    target_end: flags.targetEnd,
    application: flags.application,
    environment: flags.environment,
    min_support: flags.minSupport,
    limit: 1000,
  };
}

interface Rule {
  readonly name: string;
  readonly breaks: (change: ChangeAnswer) => boolean;
}

/** @throws RegressionError `USAGE`. */
function ruleOf(name: string): Rule {
  const isError = ({ severity }: ChangeAnswer): boolean => isAtLeast(severity, 'ERROR');
  const isRaised = (change: ChangeAnswer): boolean => change.kind === 'severity_raised';
  const rate = /^rate:(\d+(?:\.\d+)?)x?$/.exec(name)?.[1];
  if (rate !== undefined) {
    return { name, breaks: ({ kind, ratio }) => kind === 'more' && ratio !== null && ratio >= Number(rate) };
  }
  const known: Readonly<Record<string, Rule['breaks']>> = {
    'new-error': (change) => isError(change) && (change.kind === 'new' || isRaised(change)),
    new: ({ kind }) => kind === 'new',
    severity: isRaised,
    value: ({ kind }) => kind === 'new_value',
    gone: ({ kind }) => kind === 'gone',
  };
  const breaks = Object.hasOwn(known, name) ? known[name] : undefined;
  if (breaks !== undefined) return { name, breaks };
  throw new RegressionError('USAGE', `--fail-on: ${name} is no kind of change`, {
    hint: `Known: ${Object.keys(known).join(', ')}, rate:2x.`,
  });
}

function textIn(format: string, answer: DiffAnswer, failing: readonly ChangeAnswer[]): string {
  if (format === 'json') return `${JSON.stringify({ ...answer, failing: failing.length })}\n`;
  return format === 'junit' ? junitText(answer, failing) : plainText(answer, failing);
}

const titles: Readonly<Record<ChangeAnswer['kind'], string>> = {
  new: 'new',
  gone: 'gone',
  more: 'more often',
  less: 'less often',
  severity_raised: 'graver',
  severity_lowered: 'milder',
  new_value: 'new value',
};

function plainText(answer: DiffAnswer, failing: readonly ChangeAnswer[]): string {
  const { baseline_records: before, target_records: now, patterns, changes } = answer;
  const number = (count: number): string => count.toLocaleString('en-US');
  const empty = emptySideOf(answer);
  const nothing = empty === null ? 'nothing changed' : `${empty} has no records, nothing was compared`;
  const result = changes.length === 0 ? nothing : `${changes.length} changes`;
  const head = `${number(before)} records before, ${number(now)} now, ${number(patterns)} patterns: ${result}\n`;
  const lines = changes.map((change) => {
    const mark = failing.includes(change) ? '! ' : '  ';
    const what = `${titles[change.kind].padEnd(11)} ${change.severity.padEnd(5)} ${printable(change.application)}`;
    return `${mark}${what}  ${printable(change.template)}\n      ${printable(change.because)}\n`;
  });
  return `${head}${lines.join('')}`;
}

/** One test case a change; what the gate fails on is a failure, all else has passed. The schema of Jenkins, which all others read. */
function junitText(answer: DiffAnswer, failing: readonly ChangeAnswer[]): string {
  const { changes } = answer;
  const empty = emptySideOf(answer);
  const cases = changes.map((change) => {
    const name = `${titles[change.kind]} (${change.severity}): ${change.template}`;
    const detail = escapeXml(`${change.because}\nfor example: ${change.exemplar}`);
    const inside = failing.includes(change)
      ? `<failure message="${escapeXml(titles[change.kind])}">${detail}</failure>`
      : `<system-out>${detail}</system-out>`;
    return `  <testcase classname="${escapeXml(change.application)}" name="${escapeXml(name)}">${inside}</testcase>\n`;
  });
  const nothing =
    empty === null
      ? '  <testcase classname="regression" name="nothing changed"/>\n'
      : `  <testcase classname="regression" name="compared"><failure message="${empty} has no records"/></testcase>\n`;
  const body = cases.length === 0 ? nothing : cases.join('');
  const failures = failing.length + (empty !== null && cases.length === 0 ? 1 : 0);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="regression compare" tests="${Math.max(cases.length, 1)}" failures="${failures}">\n${body}</testsuite>\n`;
}

/** XML 1.0 has no place for most control characters, escaped or not. */
function escapeXml(text: string): string {
  return printable(text)
    .toWellFormed()
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll(/[\uFFFE\uFFFF]/g, '\uFFFD');
}
