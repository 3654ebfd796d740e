/** Any datagrams, from the kernel's bytes to records, without a socket between: nothing throws, and each is one record with all of its text. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { test } from 'tap';
import { type FromDatagramThread, eachDatagram } from '../../../src/inputs/syslog/datagram-protocol.ts';
import { lineOf } from '../../../src/inputs/syslog/message-line.ts';
import { SlabFiller } from '../../../src/inputs/syslog/thread/slab-filler.ts';
import { createFormat } from '../../../src/parsers/registry.ts';
import { RecordReader } from '../../../src/pipeline/record-reader.ts';
import type { LogRecord } from '../../../src/record/log-record.ts';
import { ManualClock } from '../../manual-clock.ts';

const slabBytes = 131_072;
const threadOptions = {
  address: { kind: 'unixgram', path: '/dev/log' },
  socketMode: 0o600,
  receiveBufferBytes: 4096,
  maxMessageBytes: 65_536,
  slabBytes,
  slabs: 1000,
} as const;

/** What the thread, the listener and the pipeline make of datagrams. */
function recordsOf(datagrams: readonly Buffer[]): { records: readonly LogRecord[]; empty: number } {
  const slabs: Extract<FromDatagramThread, { kind: 'datagrams' }>[] = [];
  const filler = new SlabFiller(threadOptions, (message) => {
    if (message.kind === 'datagrams') slabs.push(message);
  });
  for (const bytes of datagrams) filler.take({ bytes, words: null }, 0, bytes.length, false, '');
  filler.flush();
  const reader = new RecordReader({
    source: { source: 'unixgram:///dev/log', format: 'syslog', applicationHint: 'syslog' },
    createFormat,
    defaults: {},
    clock: new ManualClock(),
  });
  for (const { slab, usedBytes } of slabs) {
    const bytes = Buffer.from(slab, 0, usedBytes);
    eachDatagram(bytes, (start, end) => reader.push([lineOf(bytes, start, end, [])]));
  }
  reader.closeAll();
  return { records: reader.take().map(({ record }) => record), empty: filler.counts.empty };
}

function isSound({ timestamp, application, message, metadata }: LogRecord): boolean {
  const types = metadata.map(([type]) => type);
  return (
    timestamp.length === 27 &&
    application.name !== '' &&
    typeof message === 'string' &&
    new Set(types).size === types.length &&
    metadata.every(([, value]) => typeof value === 'string')
  );
}

const pieces = fc.constantFrom(
  '<13>',
  '<191>1 ',
  '<999>',
  '1 ',
  '- ',
  'Oct 11 22:14:15 ',
  '2026-11-24T03:00:00Z ',
  'host ',
  'app[7]: ',
  '[a@1 k="v"]',
  '[a@1 k="\\]',
  '\ufeff',
  '{"a":',
  '{"__proto__":{"x":1}}',
  '1e400',
  '12345678901234567890',
  'level=info ',
  '\n',
  '\0',
);
const datagram = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc
    .array(fc.oneof(pieces, fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 20 })
    .map((parts) => Buffer.from(parts.join(''))),
);

void test('property: any datagrams are a sound record each, in order, the empty ones counted (F31, F61)', async (t) => {
  fc.assert(
    fc.property(fc.array(datagram, { maxLength: 20 }), (datagrams) => {
      const { records, empty } = recordsOf(datagrams);
      return records.length + empty === datagrams.length && records.every(isSound);
    }),
    { numRuns: 300 },
  );
  t.equal(({} as { x?: number }).x, undefined);
});

const samples = ['rfc3164', 'rfc5424', 'inner'].flatMap((name) =>
  readFileSync(new URL(`../../fixtures/parsers/syslog/${name}.log`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== ''),
);

void test('property: a word put anywhere into a message is somewhere in its record (F61)', async (t) => {
  const word = 'Zq7Xk';
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.nat(), (sample, place) => {
      const at = place % (sample.length + 1);
      const { records } = recordsOf([Buffer.from(sample.slice(0, at) + word + sample.slice(at))]);
      return records.length === 1 && JSON.stringify(records).includes(word);
    }),
    { numRuns: 600 },
  );
  t.pass();
});

void test('JSON bombs in a datagram are a record: nested, wide, doubled, hostile names, numbers no double holds (F31)', async (t) => {
  const bombs = [
    `${'{"a":'.repeat(9000)}1${'}'.repeat(9000)}`,
    `{"msg":"wide",${Array.from({ length: 5000 }, (_, index) => `"k${index}":1`).join(',')}}`,
    '{"msg":"odd","a":1,"a":2,"__proto__":{"x":1},"constructor":{"prototype":{"x":1}},"n":1e400,"i":12345678901234567890}',
  ];
  const { records } = recordsOf(bombs.map((bomb) => Buffer.from(`<13>1 2026-11-24T03:00:00Z h app - - - ${bomb}`)));

  t.equal(records.length, 3);
  t.equal(records[0]?.message, bombs[0]);
  t.match(records[1], { message: 'wide', application: { name: 'app' } });
  t.match(
    new Map(records[2]?.metadata),
    new Map([
      ['__proto__.x', '1'],
      ['n', '1e400'],
      ['i', '12345678901234567890'],
    ]),
  );
  t.equal(({} as { x?: number }).x, undefined);
});
