/** What every parser promises, over inputs nobody would think of. */
import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { test } from 'tap';
import type { Entry, ParseResult } from '../../src/parsers/parser.ts';
import { createParser, formats } from '../../src/parsers/registry.ts';

const options = { timezone: 'UTC', nowMs: () => Date.parse('2026-11-24T03:00:00Z') };
const root = new URL('../fixtures/parsers/', import.meta.url);
const samples = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.log'))
  .flatMap((name) => readFileSync(new URL(name, root), 'utf8').split('\n'));

/** A sample with a piece cut out, doubled or overwritten. */
const mutated = fc
  .tuple(fc.constantFrom(...samples), fc.nat(), fc.nat(40), fc.string({ unit: 'binary', maxLength: 10 }))
  .map(([sample, at, length, insert]) => {
    const from = at % (sample.length + 1);
    return sample.slice(0, from) + insert + sample.slice(from + length);
  });

function isSound(result: ParseResult): boolean {
  if (!result.ok) return result.reason !== '';
  const { timestamp, message, metadata } = result.entry;
  return (
    (timestamp === undefined || timestamp.length === 27) &&
    typeof message === 'string' &&
    metadata.every(([type, value]) => typeof type === 'string' && typeof value === 'string')
  );
}

for (const format of formats) {
  void test(`${format}: no text makes it throw or give half an entry`, async (t) => {
    const parser = createParser(format, options);
    fc.assert(
      fc.property(fc.oneof(mutated, fc.string({ unit: 'binary' })), (text) => isSound(parser.parse(text))),
      { numRuns: 2000 },
    );
    t.pass();
  });

  void test(`${format}: time grows with the length of hostile text, not with its square (F31, F32)`, async (t) => {
    const hostile = [
      'a ',
      '[',
      '{"a":',
      '="',
      '\\',
      '<1>',
      '- ',
      '2026-',
      'a=b ',
      '["x"',
      '[a@1 k="',
      '1',
      ':',
      'at ',
      'a.log',
      '1.1.1.1 ',
      '\n at ',
      ', client: ',
    ];
    for (const piece of hostile) {
      const parser = createParser(format, options);
      // Quadratic work on 400 kB would be 160 billion steps: the test would not end.
      t.ok(isSound(parser.parse(piece.repeat(400_000 / piece.length))), JSON.stringify(piece));
    }
  });
}

function entryOf(result: ParseResult): Entry {
  if (!result.ok) throw new Error(result.reason);
  return result.entry;
}

/** Any text without lone surrogates, which no UTF-8 file can hold. */
const text = fc.string({ unit: 'grapheme' });

void test('logfmt: what a formatter wrote is read back', async (t) => {
  const parser = createParser('logfmt', options);
  const quoted = (value: string): string =>
    `"${value.replaceAll(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')}"`;
  fc.assert(
    fc.property(text, text, (message, value) => {
      const entry = entryOf(parser.parse(`level=warn msg=${quoted(message)} zone=${quoted(value)}`));
      return (
        entry.severity === 'WARN' &&
        entry.message === message &&
        entry.metadata.some(([k, v]) => k === 'zone' && v === value)
      );
    }),
  );
  t.pass();
});

void test('syslog: an RFC 5424 message that a formatter wrote is read back', async (t) => {
  const parser = createParser('syslog', options);
  const oneLine = text.map((value) => value.replaceAll(/[\r\n\0]/g, ' '));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 191 }), oneLine, oneLine, (priority, message, value) => {
      const escaped = value.replaceAll(/["\\\]]/g, '\\$&'); // section 6.3.3
      const line = `<${priority}>1 2026-11-24T03:00:00.123456Z host app 42 ID7 [x@1 k="${escaped}"] ${message}`;
      const entry = entryOf(parser.parse(line));
      return (
        entry.timestamp === '2026-11-24T03:00:00.123456Z' &&
        entry.applicationName === 'app' &&
        entry.message === message &&
        entry.metadata.some(([k, v]) => k === 'x@1.k' && v === value)
      );
    }),
  );
  t.pass();
});

void test('json: any message and fields are read back, whatever their names', async (t) => {
  const parser = createParser('json', options);
  fc.assert(
    fc.property(text, fc.string({ unit: 'grapheme', minLength: 1 }), text, (message, name, value) => {
      const key = `field ${name}`;
      const entry = entryOf(parser.parse(JSON.stringify({ msg: message, [key]: value })));
      return message === '' || (entry.message === message && entry.metadata.some(([k, v]) => k === key && v === value));
    }),
  );
  t.pass();
});

void test('plain: every character of a line is in its message or its header', async (t) => {
  const parser = createParser('plain', options);
  fc.assert(fc.property(mutated, (line) => line.endsWith(entryOf(parser.parse(line)).message)));
  t.pass();
});
