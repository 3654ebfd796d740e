/** The daemon under a service manager: what systemd would hear of it, received by a program that nobody here wrote. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { find, needs } from '../clients/programs.ts';
import { startDaemon, writeConfig } from '../daemon-process.ts';
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
