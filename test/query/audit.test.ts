/** Audit rows while the store takes none: nobody waits for ever, and the memory is bounded. */
import { test } from 'tap';
import { auditTo, maxUnstored } from '../../src/query/audit.ts';
import type { LogRecord } from '../../src/record/log-record.ts';
import { ManualClock } from '../manual-clock.ts';
import { someRecords } from '../records.ts';
import { serve, storeOf } from './serve.ts';

const entry = { actor: 'admin.token', action: 'sql', object: 'SELECT 1', remote: '127.0.0.1' };

/** What stores nothing until `release`. */
function stalled() {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const given: LogRecord[] = [];
  const append = async (records: readonly LogRecord[]): Promise<void> => {
    given.push(...records);
    await released;
  };
  return { append, given, release };
}

void test('a row that is not stored in time fails its request, and keeps its turn', async (t) => {
  const { append, given, release } = stalled();
  const clock = new ManualClock();
  const audit = auditTo({ append, clock, version: '0.0.0', deadlineMs: 10_000 });
  const audited = audit(entry);
  const sooner = audit(entry, 1000);
  clock.advance(1000);
  await t.rejects(sooner, { code: 'STORE_WRITE_FAILED', retryable: true, message: /not stored in time/ });
  clock.advance(9000);
  await t.rejects(audited, { code: 'STORE_WRITE_FAILED' });
  t.equal(given.length, 2);

  release();
  await audit(entry);
  t.equal(clock.sleeping, 0);
});

void test('so many rows wait for the store at most; the next request is refused at once', async (t) => {
  const { append, given, release } = stalled();
  const clock = new ManualClock();
  const audit = auditTo({ append, clock, version: '0.0.0', deadlineMs: 1000 });
  const waiting = Array.from({ length: maxUnstored }, () => audit(entry).catch(() => undefined));
  await t.rejects(audit(entry), { code: 'STORE_WRITE_FAILED', message: /wait for the store already/ });
  t.equal(given.length, maxUnstored);

  release();
  await Promise.all(waiting);
  await audit(entry);
  t.equal(given.length, maxUnstored + 1);
});

void test('sql is answered within its deadline and a tenth of it, whatever the store does with the audit row', async (t) => {
  const { append } = stalled();
  const clock = new ManualClock('2026-11-24T04:00:00Z');
  const { send } = await serve(t, { store: await storeOf(someRecords(3)), append, clock, queryTimeoutMs: 10_000 });
  const answers = [
    send('POST', '/api/v1/sql', { sql: 'SELECT count(*) FROM logs' }),
    send('POST', '/api/v1/sql', { sql: 'DELETE FROM logs' }),
  ];
  while (clock.sleeping < 2) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(10_000);
  const [counted, refused] = await Promise.all(answers);

  t.match(counted, { status: 503, json: { code: 'STORE_WRITE_FAILED', hint: /health\/ready/ } });
  t.match(refused, { status: 400, json: { code: 'QUERY_INVALID' } }, 'what was wrong first is told');
});
