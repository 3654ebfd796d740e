/** The daemon under a service manager: what systemd would hear of it, received by a program that nobody here wrote. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test, type Test } from 'tap';
import { find, needs } from '../clients/programs.ts';
import { clientOf, regression, startDaemon, writeConfig } from '../daemon-process.ts';
import { openStore } from '../../src/store/remote-store.ts';
import { tempDir } from '../temp-dir.ts';

/** Prints what it receives, a line each; a line `bound` first. */
const receiver = `import socket, sys
receiving = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
receiving.bind('\\0' + name[1:] if name[0] == '@' else name)
print('bound', flush=True)
while True: print(receiving.recv(4096).decode(), flush=True)`;

async function manager(t: Test, socket: string): Promise<(line: string) => Promise<string>> {
  const child: ChildProcess = spawn(find('python3') ?? 'python3', ['-c', receiver, socket]);
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const until = async (start: string): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the manager ended before ${start}`);
      if (value.startsWith(start)) return value;
    }
  };
  await until('bound');
  return until;
}

for (const kind of ['path', 'abstract name']) {
  void test(
    `a service manager, by its ${kind}, hears ready, status, signs of life and stopping`,
    needs('python3'),
    async (t) => {
      const directory = await tempDir(t);
      const socket = kind === 'path' ? join(directory, 'notify') : `@regression-test-${process.pid}`;
      const heard = await manager(t, socket);
      const daemon = startDaemon(t, ['--config', await writeConfig(directory, [join(directory, '*.log')])], {
        env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '400000' },
      });
      await daemon.started;

      t.match(await heard('EXTEND_TIMEOUT_USEC='), /=\d+$/, 'a start may take its time');
      t.match(await heard('STATUS='), 'STATUS=starting, for 0 s: reads its database');
      t.equal(await heard('READY='), 'READY=1');
      t.equal(await heard('MAINPID='), `MAINPID=${daemon.pid}`);
      t.match(await heard('STATUS='), /answers on http/);
      t.equal(await heard('WATCHDOG='), 'WATCHDOG=1');
      t.equal(await heard('WATCHDOG='), 'WATCHDOG=1');
      const { code, stderr } = await daemon.kill('SIGTERM');
      t.strictSame({ code, stderr }, { code: 0, stderr: '' });
      t.equal(await heard('STOPPING='), 'STOPPING=1');
    },
  );
}

void test(
  'SIGHUP and `regression reload` take a changed file over and refuse a wrong one, naming the place and the way out (F66, F67)',
  { ...needs('python3'), timeout: 180_000 },
  async (t) => {
    const directory = await tempDir(t);
    const socket = join(directory, 'notify');
    const heard = await manager(t, socket);
    const config = await writeConfig(directory, [join(directory, 'a.log')]);
    const right = await readFile(config, 'utf8');
    await writeFile(join(directory, 'a.log'), 'one\n');
    await writeFile(join(directory, 'b.log'), 'two\n');
    const daemon = startDaemon(t, ['--config', config], { env: { NOTIFY_SOCKET: socket } });
    const client = await clientOf(await daemon.started);
    t.teardown(() => client.close());
    await heard('READY=');

    await writeFile(config, right.replace('type: file', 'type: fiel'));
    process.kill(daemon.pid, 'SIGHUP');
    t.equal(await heard('RELOADING='), 'RELOADING=1');
    t.match(await heard('MONOTONIC_USEC='), /=\d+$/);
    t.equal(await heard('READY='), 'READY=1');
    const refused = await regression(['reload', '--config', config]);
    t.equal(refused.code, 2);
    t.match(refused.stderr, `${config}:3: inputs[0].type: unknown input "fiel"; did you mean \`file\`?\nHint: `);

    await writeFile(config, right.replace('a.log', '*.log').replace("127.0.0.1:0'", "127.0.0.1:0', max_requests: 9"));
    for (let times = 0; times < 100; times++) process.kill(daemon.pid, 'SIGHUP');
    await heard('READY=');
    const repeated = await regression(['reload', '--config', config]);
    t.strictSame(repeated, {
      code: 0,
      signal: null,
      stdout: 'nothing new is in force\nin force after a restart: server.max_requests\n',
      stderr: '',
    });
    t.equal((await client.inputs()).files.length, 2);
    while ((await client.logs({})).rows.length < 3) await delay(20);

    const { code, stderr } = await daemon.kill('SIGTERM');
    t.equal(code, 0);
    const [entry] = stderr.split('\n').map((line) => (line === '' ? {} : (JSON.parse(line) as { msg: string })));
    t.match(entry, { level: 50, msg: `${config}:3: inputs[0].type`, hint: /docs\/configuration.md/ });
    const store = await openStore({ dataDir: join(directory, 'data') });
    t.teardown(() => store.close());
    t.equal((await store.stats()).lastId, 2 + 1, 'each line once, and the audit of one reload');
  },
);
