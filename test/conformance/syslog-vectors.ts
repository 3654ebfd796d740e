import { join } from 'node:path';
import { createParser } from '../../src/parsers/registry.ts';
import type { Entry } from '../../src/parsers/parser.ts';
import { facilities } from '../../src/parsers/syslog-priority.ts';
import { severityOfSyslog } from '../../src/record/severity.ts';
import type { Case } from './run.ts';
import { atOurPrecision, firstDifference, options, readVectors, type Vector } from './vectors.ts';

type Expectation = Record<string, unknown>;

export function syslogCases(folder: string): Case[] {
  const parser = createParser('syslog', options);
  const datagrams = readVectors(join(folder, 'syslog/syslog_vectors.jsonl')).filter(
    (vector) => vector['transport'] === undefined, // streams: see stream-vectors.ts
  );
  return datagrams.map((vector) => {
    const { kind, name } = vector;
    const text = inputOf(vector);
    const result = parser.parse(text);
    const entry = result.ok ? result.entry : { message: text, metadata: [] };
    if (vector['expect_error'] !== undefined) return { kind, name, failure: textIsKept(text, entry) };
    const variants = (vector['any_of'] as Expectation[] | undefined) ?? [{}];
    const failures = variants.map((variant) =>
      differenceFrom({ ...(vector['expect'] as Expectation), ...variant }, entry),
    );
    return { kind, name, failure: failures.includes(undefined) ? undefined : failures.at(0) };
  });
}

function inputOf(vector: Vector): string {
  const encoded = vector['input_b64'];
  const text =
    encoded === undefined ? String(vector['input']) : Buffer.from(String(encoded), 'base64').toString('utf8');
  return text.replace(/\n$/, ''); // the input takes a datagram's last newline off
}

export function differenceFrom(expect: Expectation, entry: Entry): string | undefined {
  const metadata = new Map(entry.metadata);
  const pairs: [string, unknown, unknown][] = [];
  const add = (key: string, actual: unknown, wanted = expect[key] ?? null): void => {
    if (key in expect) pairs.push([key, wanted, actual]);
  };
  const facility = expect['facility'];
  add('facility', metadata.get('facility'), facility === undefined ? null : facilities[Number(facility)]);
  if ('severity' in expect && expect['severity'] !== null) {
    const wanted = severityOfSyslog(Number(expect['severity']));
    pairs.push(
      ['severity', wanted.severity, entry.severity],
      ['severity_text', wanted.text, metadata.get('severity_text')],
    );
  }
  const time =
    expect['timestamp'] ??
    (expect['timestamp_local'] === undefined ? undefined : `${String(expect['timestamp_local'])}Z`);
  if (time !== undefined && time !== null) pairs.push(['timestamp', atOurPrecision(String(time)), entry.timestamp]);
  else if ('timestamp' in expect) pairs.push(['timestamp', undefined, entry.timestamp]);
  if (expect['timestamp_noyear'] !== undefined) {
    const noYear = String(expect['timestamp_noyear']);
    pairs.push(['timestamp', noYear, entry.timestamp?.slice(5, 5 + noYear.length)]);
  }
  add('hostname', metadata.get('host') ?? null);
  add('appname', entry.applicationName ?? null);
  add('procid', metadata.get('procid') ?? null);
  add('msgid', metadata.get('msgid') ?? null);
  if (expect['structured_data'] !== undefined && expect['structured_data'] !== null) {
    for (const [id, params] of Object.entries(expect['structured_data'] as Record<string, Record<string, string>>)) {
      if (Object.keys(params).length === 0) pairs.push([id, '', metadata.get(id)]);
      for (const [name, value] of Object.entries(params))
        pairs.push([`${id}.${name}`, value, metadata.get(`${id}.${name}`)]);
    }
  }
  if ('message' in expect)
    pairs.push(['message', String(expect['message'] ?? '').trimStart(), entry.message.trimStart()]);
  return firstDifference(pairs);
}

/** What a strict parser rejects must still be one row that holds all words of the input. */
function textIsKept(text: string, entry: Entry): string | undefined {
  const kept = [entry.message, entry.applicationName ?? '', ...entry.metadata.flat(), entry.timestamp ?? ''].join(' ');
  const messageWords = text
    .replace(/^<\d{1,3}>\d{0,3}/, '')
    .split(/\s+/)
    .slice(2);
  const lost = messageWords.find(
    (word) => word !== '-' && !kept.includes(word) && !/[[\]"\\]/.test(word) && !/^\d\d:\d\d/.test(word),
  );
  return lost === undefined ? undefined : `lost ${JSON.stringify(lost)}`;
}
