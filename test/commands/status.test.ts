import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { test } from 'tap';
import { status } from '../../src/commands/status.ts';
import { startDaemon } from '../start-daemon.ts';
import { tempDir } from '../temp-dir.ts';

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
    t.match(first, /^input +app: 1 file of .*app\.log; .*\n +\d+ lines read, \d+ bytes behind$/m);
    t.match(first, /^input +syslog: syslog on udp:.*\n +0 lines read$/m);
    t.match(first, /^rotate +never run$/m);
    t.match(last, /^ +\d+ lines read, \d+ lines\/s, \d+ bytes behind$/m);
  },
);
