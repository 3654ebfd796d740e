/** Records of several lines and container files, from a real file down to the rows that the client gets, restarts and rotations included. */
import { appendFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Test, test } from 'tap';
import type { RegressionClient } from '../../src/client/client.ts';
import { startDaemon } from '../start-daemon.ts';
import { storedMessages } from '../stored-messages.ts';
import { tempDir } from '../temp-dir.ts';

const pollMs = 10;
/** So long that only the end of the daemon, or of the file, closes a record. */
const never = '10m';

interface Files {
  readonly path: (name: string) => string;
  /** A daemon over the same data; the one before has been stopped. */
  start(multiline?: object): Promise<{ client: RegressionClient; stop: () => Promise<void> }>;
}

async function filesOf(t: Test, more: object = {}): Promise<Files> {
  const directory = await tempDir(t);
  const path = (name: string): string => join(directory, name);
  return {
    path,
    start: async (multiline = { flush_after: '100ms' }) => {
      const input = { type: 'file', include: [path('*.log')], scan_interval: '50ms', multiline, ...more };
      const { client, daemon } = await startDaemon(t, path('data'), [input]);
      return { client, stop: () => daemon.stop() };
    },
  };
}

async function untilRows(client: RegressionClient, rows: number): Promise<void> {
  while ((await client.logs({ limit: 1 })).stats.last_id < rows) await delay(pollMs);
}

const trace = (error: string, frames = 3): string =>
  [
    `java.lang.IllegalStateException: ${error}`,
    ...Array.from({ length: frames }, (_, at) => `\tat ${error}.f${at}(F.java:${at})`),
  ].join('\n');

void test('the last trace of a file is one row once the file is silent, also when the daemon restarts before (F33)', async (t) => {
  const files = await filesOf(t);
  await writeFile(files.path('app.log'), `2026-11-24 03:00:00 INFO one\n${trace('first')}\n`);
  const before = await files.start({ flush_after: never });
  await appendFile(files.path('app.log'), `2026-11-24 03:00:01 INFO two\n${trace('last')}\n`);
  await untilRows(before.client, 1);
  await before.stop();
  const { client } = await files.start();
  await untilRows(client, 2);
  await appendFile(files.path('app.log'), '2026-11-24 03:00:02 INFO three\n');
  await untilRows(client, 3);

  t.strictSame(await storedMessages(client), [`one\n${trace('first')}`, `two\n${trace('last')}`, 'three']);
});

void test('traces of two files, and of two streams of one, that come in turns are not mixed (F33)', async (t) => {
  const files = await filesOf(t);
  const { client } = await files.start();
  const [some, others] = [trace('some').split('\n'), trace('other').split('\n')];
  const time = '2026-11-24T03:00:00.000000001Z';
  for (const [index, line] of some.entries()) {
    await appendFile(files.path('a.log'), `${line}\n`);
    await appendFile(files.path('b.log'), `${others[index]}\n`);
    await appendFile(files.path('pod.log'), `${time} stdout F ${line}\n${time} stderr F ${others[index]}\n`);
  }
  await untilRows(client, 4);

  t.strictSame((await storedMessages(client)).toSorted(), [
    trace('other'),
    trace('other'),
    trace('some'),
    trace('some'),
  ]);
});

void test('a trace of a million lines is rows of the longest length allowed, and no line is lost (F33)', async (t) => {
  const files = await filesOf(t);
  const frame = '\tat a.b(C.java:1)\n';
  await writeFile(files.path('app.log'), `java.lang.StackOverflowError\n${frame.repeat(999_999)}`);
  const { client } = await files.start({ flush_after: never }); // a busy machine may take a breath in it
  await appendFile(files.path('app.log'), '2026-11-24 03:00:02 INFO next\n');
  await untilRows(client, 1001);
  const messages = await storedMessages(client);

  t.equal(messages.length, 1001);
  t.equal(
    messages.reduce((lines, message) => lines + message.split('\n').length, 0),
    1_000_001,
  );
  t.equal(messages.at(-1), 'next');
});

void test('CRI: parts are joined within their stream, a part without its rest is a row, offsets of zones are read (F34)', async (t) => {
  const files = await filesOf(t);
  const time = '2026-11-24T13:00:00.123456789+10:00';
  await writeFile(
    files.path('pod.log'),
    ['stdout P 1', 'stderr F 2', 'stdout P 3', 'stdout F 4', 'stdout P never finished']
      .map((line) => `${time} ${line}\n`)
      .join(''),
  );
  const { client } = await files.start();
  await untilRows(client, 3);
  const { rows } = await client.logs({ order: 'arrival' });

  t.match(rows, [
    { message: '134', timestamp: '2026-11-24T03:00:00.123456Z', metadata: { stream: 'stdout' } },
    { message: '2', metadata: { stream: 'stderr' } },
    { message: 'never finished', metadata: { stream: 'stdout' } },
  ]);
  t.equal(rows.length, 3);
});

void test('CRI: a part whose file rotates away is one row, and not glued to the new file (F34, F26)', async (t) => {
  const files = await filesOf(t, { rotate_wait: '200ms' });
  const time = '2026-11-24T03:00:00.000000001Z';
  await writeFile(files.path('pod.log'), `${time} stdout F whole\n${time} stdout P part\n`);
  const { client } = await files.start({ flush_after: never });
  await untilRows(client, 1);
  await rename(files.path('pod.log'), files.path('pod.log.20261124-030000'));
  await writeFile(files.path('pod.log'), `${time} stdout F new\n`);
  await untilRows(client, 3);

  t.strictSame((await storedMessages(client)).toSorted(), ['new', 'part', 'whole']);
});

void test('Docker: what it split at 16 kB is one row, also without an end; a broken line is a row as it is (F35)', async (t) => {
  const files = await filesOf(t);
  const entry = (log: string): string =>
    `${JSON.stringify({ log, stream: 'stdout', time: '2026-11-24T03:00:00.5Z' })}\n`;
  const long = Array.from({ length: 40_000 }, (_, at) => 'abcdefghij'[at % 10]).join('');
  const split = (text: string): string => (text.match(/[^]{1,16384}/g) ?? []).map(entry).join('');
  const broken = '{"log":"broken off","stream":"std';
  await writeFile(
    files.path('c.log'),
    `${entry('before\n')}${split(`${long}\n`)}${broken}\n${entry('behind\n')}${split(long)}`,
  );
  const { client } = await files.start();
  await untilRows(client, 5);
  const { rows } = await client.logs({ order: 'arrival' });

  t.strictSame(
    rows.map(({ message }) => message),
    ['before', long, broken, 'behind', long],
  );
  t.equal(rows[1]?.timestamp, '2026-11-24T03:00:00.500000Z');
});
