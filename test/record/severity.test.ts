import { test } from 'tap';
import { severityOfNumber, severityOfOtlpNumber, severityOfSyslog, severityOfWord } from '../../src/record/severity.ts';

const words: Readonly<Record<string, readonly string[]>> = {
  TRACE: ['trace', 'TRACE', 'silly', 'finest'],
  DEBUG: ['debug', 'Debug', 'DBG', 'verbose', 'fine'],
  INFO: ['info', 'INFORMATION', 'notice', 'http', 'I'],
  WARN: ['warn', 'WARNING', 'W'],
  ERROR: ['error', 'ERR', 'severe', 'E'],
  FATAL: ['fatal', 'CRITICAL', 'crit', 'emerg', 'panic', 'alert'],
};

for (const [severity, names] of Object.entries(words)) {
  void test(`${names.join(', ')} mean ${severity}`, async (t) => {
    for (const name of names) t.equal(severityOfWord(name)?.severity, severity, name);
  });
}

void test('a word that says more than the six is kept beside them', async (t) => {
  t.strictSame(severityOfWord('NOTICE'), { severity: 'INFO', text: 'NOTICE' });
  t.strictSame(severityOfWord('INFO+2'), { severity: 'INFO', text: 'INFO+2' });
  t.equal(severityOfWord('warning')?.text, undefined);
});

void test('other words are no levels, whatever objects inherit', async (t) => {
  for (const word of ['', 'message', 'constructor', '__proto__', 'toString', 'infos'])
    t.equal(severityOfWord(word), null, word);
});

void test('numbers are read as syslog below 8 and as pino from 10', async (t) => {
  const of = (level: number): string | undefined => severityOfNumber(level)?.severity;
  t.strictSame([0, 2, 3, 4, 6, 7].map(of), ['FATAL', 'FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG']);
  t.strictSame([10, 20, 30, 40, 50, 60].map(of), ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']);
  t.strictSame(severityOfNumber(35), { severity: 'INFO', text: '35' });
  t.strictSame(
    [-1, 1.5, 1000, Number.NaN].map((level) => severityOfNumber(level)),
    [null, null, null, null],
  );
});

void test('syslog severities keep the names that the six do not tell apart (RFC 5424 6.2.1)', async (t) => {
  t.strictSame(severityOfSyslog(1), { severity: 'FATAL', text: 'alert' });
  t.strictSame(severityOfSyslog(5), { severity: 'INFO', text: 'notice' });
  t.strictSame(severityOfSyslog(3), { severity: 'ERROR', text: undefined });
});

void test('OpenTelemetry severity numbers are four steps to a severity', async (t) => {
  t.strictSame(severityOfOtlpNumber(9), { severity: 'INFO', text: undefined });
  t.strictSame(severityOfOtlpNumber(10), { severity: 'INFO', text: 'INFO2' });
  t.strictSame(severityOfOtlpNumber(24), { severity: 'FATAL', text: 'FATAL4' });
  t.equal(severityOfOtlpNumber(0), null);
});
