import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { test } from 'tap';
import { type Standing, statusText } from '../../src/commands/status-text.ts';
import { status } from '../../src/commands/status.ts';
import { startDaemon } from '../start-daemon.ts';
import { tempDir } from '../temp-dir.ts';

const sinkBehind = (seconds: number) => ({
  name: 'up',
  describes: null,
  lag_rows: 7,
  lag_bytes: null,
  lag_seconds: seconds,
  circuit: null,
  state: 'waiting',
  last_success_at: null,
  last_error: null,
  dead_letters: 0,
  dropped_rows: 0,
});

/** Only what is looked at. */
const standing = {
  answer: {
    is_running: true,
    inputs: [],
    files: [{ path: '/var/log/\u001b[2J.log', state: 'followed', format: 'plain', last_error: 'EIO' }],
    left_out: [],
    generations: [],
    gaps: [],
    store_damage: [],
  },
  store: {
    last_id: 7,
    hot_bytes: 0,
    wal_bytes: 0,
    segments: 0,
    segment_bytes: 0,
    unsealed_segments: 0,
    parts: [{ name: 'store', ok: false, reason: 'full' }],
  },
  sinks: [sinkBehind(45), sinkBehind(7260), sinkBehind(539_317)],
  tasks: [
    { name: 'rotate', state: 'idle', last: null, next_run_at: null },
    { name: 'backup', state: 'idle', last: { ok: false, finished_at: 'now', message: 'no room' }, next_run_at: null },
  ],
  atMs: 0,
} as unknown as Standing;

void test(
  'status --watch draws the screen again and again, with what was read and stored a second',
  { timeout: 120_000 },
  async (t) => {
    const directory = await tempDir(t);
    const log = join(directory, 'app.log');
    const dataDir = join(directory, 'data');
    writeFileSync(log, 'one\n');
    const input = { type: 'file', include: [log], format: 'plain', scan_interval: '100ms', name: 'app' };
    await startDaemon(t, dataDir, [input, { type: 'syslog', listen: 'udp://127.0.0.1:0' }]);
    const left = new AbortController();
    const screens: string[] = [];
    const stdout = Object.assign(
      new Writable({
        write(chunk, _encoding, done) {
          screens.push(String(chunk));
          appendFileSync(log, 'another\n'.repeat(10));
          // Left once something is seen to move: how soon that is depends on the host.
          if (/rows +last id \d+, [1-9]\d* rows\/s/.test(screens.at(-1) ?? '')) left.abort();
          done();
        },
      }),
      { isTTY: true },
    );
    const surroundings = { env: {}, cwd: directory, stdin: Readable.from([]), stdout, stderr: stdout };
    await status.run(
      { dataDir, watch: true, interval: '100ms' },
      { ...surroundings, signal: left.signal, onHangup: () => undefined },
    );

    const [first = '', last = ''] = [screens[0], screens.at(-1)];
    t.ok(first.startsWith('\u001b[H\u001b[J'), 'over the screen before');
    t.match(first, /daemon +running\n/);
    t.match(first, /^store +\d+\.\d MiB being written \(WAL \d+\.\d MiB\), 0 segments of 0\.0 MiB$/m);
    t.match(first, /^input +app: 1 file of .*app\.log; .*\n +\d+ lines? read, \d+ bytes behind$/m);
    t.match(first, /^input +syslog: syslog on udp:.*\n +0 lines read$/m);
    t.match(first, /^rotate +never run$/m);
    t.match(last, /^ +\d+ lines read, \d+ lines\/s, \d+ bytes behind$/m);
  },
);

void test('status of many inputs fits a screen: those that something is to be said of first, in lines that do not wrap', async (t) => {
  const directory = await tempDir(t);
  const dataDir = join(directory, 'data');
  const names = Array.from({ length: 50 }, (_, index) => `service-${index}`);
  await startDaemon(
    t,
    dataDir,
    names.map((name) => ({ type: 'file', name, include: [join(directory, `${name}.log`)], scan_interval: '10s' })),
  );
  const left = new AbortController();
  let screen = '';
  const stdout = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        screen = String(chunk).slice('\u001b[H\u001b[J'.length);
        left.abort();
        done();
      },
    }),
    { isTTY: true, columns: 60, rows: 24 },
  );
  const surroundings = { env: {}, cwd: directory, stdin: Readable.from([]), stdout, stderr: stdout };
  await status.run({ dataDir, watch: true }, { ...surroundings, signal: left.signal, onHangup: () => undefined });

  const lines = screen.trimEnd().split('\n');
  t.ok(lines.length < 24, `${lines.length} lines`);
  t.ok(lines.every((line) => line.length < 60));
  t.match(screen, /^inputs +43 more, with nothing amiss/m);
  t.match(lines.at(-1), /^\d+ more lines: a taller terminal/);
});

void test('what is amiss stands at the top of status, and names of files cannot reach the terminal as commands', (t) => {
  const text = statusText(standing, null).split('\n');
  const at = (start: string): number => text.findIndex((line) => line.startsWith(start));

  t.ok(at('NOT READY') < at('problem') && at('problem') < at('backup') && at('backup') < at('rows '));
  t.ok(at('rows ') < at('rotate'));
  t.strictSame(
    text.flatMap((line) => /the oldest of (.*) ago/.exec(line)?.[1] ?? []),
    ['45 s', '2 h', '6 days'],
  );
  t.equal(text[at('problem')], 'problem     /var/log/\\x1b[2J.log: EIO');
  t.end();
});
