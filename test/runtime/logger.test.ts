import { Writable } from 'node:stream';
import { test } from 'tap';
import { RegressionError } from '../../src/runtime/errors.ts';
import { OwnLog, type OwnLogOptions } from '../../src/runtime/logger.ts';
import type { LogEntry } from '../../src/runtime/log-lines.ts';
import { ManualClock } from '../manual-clock.ts';

function ownLog(options: Partial<OwnLogOptions> & { readonly isTTY?: boolean } = {}) {
  const written: string[] = [];
  const output = Object.assign(
    new Writable({
      decodeStrings: false,
      write(text: string, _encoding, done) {
        written.push(text);
        done();
      },
    }),
    { isTTY: options.isTTY ?? false },
  );
  const clock = new ManualClock();
  const log = new OwnLog({ level: 'info', output, clock, ...options });
  return {
    log,
    logger: log.logger,
    clock,
    written,
    entries: () => written.map((line) => JSON.parse(line) as LogEntry),
  };
}

const full = Object.assign(new Error('the disk is full'), { code: 'ENOSPC' });

void test('the log is JSON lines, unless people read it: on a terminal, in the journal, or as the configuration says', async (t) => {
  const say = ({ logger, written }: ReturnType<typeof ownLog>): string => {
    logger.error({ err: full, path: '/data', hint: 'Make room.' }, 'the store\ntakes no rows');
    return written.join('').replace(/\d\d:\d\d:\d\d/, 'TIME');
  };

  t.match(JSON.parse(say(ownLog())), { level: 50, path: '/data', hint: 'Make room.', err: { message: /full/ } });
  const lines = 'TIME ERROR the store\ntakes no rows: the disk is full path=/data\n               Make room.\n';
  t.equal(say(ownLog({ isTTY: true })), lines);
  t.equal(say(ownLog({ format: 'text' })), lines);
  t.match(JSON.parse(say(ownLog({ isTTY: true, format: 'json' }))), { level: 50 });
  const entry = 'the store | takes no rows: the disk is full path=/data (Make room.)\n';
  t.equal(say(ownLog({ isJournal: true })), `<3>${entry}`, 'one line, with its syslog severity');
  t.match(say(ownLog({ isJournal: true, format: 'json' })), /^<3>\{"level":50,/);
});

void test('an error of ours is told without a stack, which bugs have', (t) => {
  const { logger, entries } = ownLog();
  logger.error(
    { err: new RegressionError('STORE_FULL', 'no room', { hint: 'Make some.' }) },
    'the store takes no rows',
  );
  logger.error({ err: new TypeError('x is not a function') }, 'a request failed');

  t.strictSame(entries()[0]?.err, { type: 'RegressionError', code: 'STORE_FULL', message: 'no room' });
  t.match(entries()[1]?.err, { message: 'x is not a function', stack: /logger\.test/ });
  t.end();
});

void test('what is logged again and again is said ten times a minute, then how often', async (t) => {
  const { logger, clock, entries } = ownLog();
  for (let file = 0; file < 500; file++) logger.warn(`cannot read /var/log/${file}.log (EACCES)`);
  logger.warn('another matter');
  logger.error('cannot read /etc/passwd');
  t.equal(entries().length, 12, 'other words and other levels are other kinds');

  clock.advance(60_000);
  await new Promise((resolve) => setImmediate(resolve));
  t.match(entries().at(-1), {
    level: 40,
    left_out: 490,
    msg: 'cannot read /var/log/499.log (EACCES) (and 489 more like it)',
  });
  logger.warn('cannot read /var/log/1.log (EACCES)');
  t.equal(entries().length, 14, 'a new minute');
});

void test('what was left out is said at the end; who asks for debugging is told everything', async (t) => {
  const { log, logger, entries } = ownLog({ level: 'debug' });
  for (let count = 0; count < 20; count++) logger.debug('request');
  for (let count = 0; count < 12; count++) logger.warn('late');
  log.close();

  t.equal(entries().length, 20 + 10 + 1);
  t.match(entries().at(-1), { left_out: 2, msg: 'late (and 1 more like it)' });
});
