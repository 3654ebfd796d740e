/** Records for tests: all parts given, those a test cares about overridden. */
import type { Batch, FilePosition } from '../src/record/batch.ts';
import type { LogRecord } from '../src/record/log-record.ts';
import type { LogRow } from '../src/search/request.ts';
import { decodedRows } from '../src/store/batch-decoding.ts';
import { encodedRows } from '../src/store/batch-encoding.ts';

export function aRecord(parts: Partial<LogRecord> = {}): LogRecord {
  return {
    timestamp: '2026-11-24T03:00:00.000000Z',
    severity: 'INFO',
    application: { name: 'shop', version: '2.3.1', environment: 'production' },
    source: '/var/log/shop/app.log',
    message: 'a message',
    metadata: [],
    ...parts,
  };
}

/** `count` records, one second apart, messages `row 0`, `row 1`, ... */
export function someRecords(count: number, parts: Partial<LogRecord> = {}): LogRecord[] {
  const startMs = Date.parse('2026-11-24T03:00:00Z');
  return Array.from({ length: count }, (_, index) =>
    aRecord({
      timestamp: new Date(startMs + index * 1000).toISOString().replace('Z', '000Z'),
      message: `row ${index}`,
      ...parts,
    }),
  );
}

/** The rows that records become. */
export function rowsOf(records: Batch['records'], firstId = 1): LogRow[] {
  return [...decodedRows(encodedRows(records), firstId)];
}

export function aPosition(parts: Partial<FilePosition> = {}): FilePosition {
  return {
    generation: '6b0f2c1e-7a53-4b2f-9a39-0d7f3f2f6a11',
    path: '/var/log/shop/app.log',
    device: '2049',
    inode: '18446744073709551615',
    fingerprint: 'ab'.repeat(32),
    fingerprintBytes: 1024,
    offset: 0,
    isEnded: false,
    ...parts,
  };
}
