/** Sockets handed over as systemd does it (sd_listen_fds(3)): by a parent that nobody here wrote, to the daemon as a child. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'tap';
import { needs } from '../clients/programs.ts';
import { clientOf, program } from '../daemon-process.ts';
import type { DaemonSummary } from '../../src/daemon.ts';
import { tempDir } from '../temp-dir.ts';

/**
 * Binds a Unix datagram, a UDP, a TCP and a stream socket, prints the ports, sends to each what is to wait there, then becomes the program, with
 * them as descriptors 3 to 6.
 */
const manager = `import os, socket, sys
directory = sys.argv[1]
def bound(family, kind, address):
  sock = socket.socket(family, kind)
  if family == socket.AF_INET6: sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
  sock.bind(address)
  if kind == socket.SOCK_STREAM: sock.listen(5)
  return sock
unused = bound(socket.AF_UNIX, socket.SOCK_DGRAM, directory + '/unused')
gram = bound(socket.AF_UNIX, socket.SOCK_DGRAM, directory + '/gram')
udp = bound(socket.AF_INET6, socket.SOCK_DGRAM, ('::', 0))
tcp = bound(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', 0))
stream = bound(socket.AF_UNIX, socket.SOCK_STREAM, directory + '/stream')
ports = [udp.getsockname()[1], tcp.getsockname()[1]]
open(directory + '/regression.yaml', 'w').write(open(directory + '/template.yaml').read() % tuple(ports))
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'<13>waits in a datagram socket', directory + '/gram')
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'<13>waits in a udp socket', ('127.0.0.1', ports[0]))
for place in [('127.0.0.1', ports[1]), directory + '/stream']:
  sender = socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET, socket.SOCK_STREAM)
  sender.connect(place)
  sender.send(b'<13>waits in a stream socket\\n')
  sender.close()
for fd, sock in enumerate([gram, udp, tcp, stream, unused], 3):
  os.dup2(os.dup(sock.fileno()), 100 + fd)
for fd in range(3, 8): os.dup2(100 + fd, fd, inheritable=True)
for fd in range(103, 108): os.close(fd)
os.environ.update(LISTEN_FDS='5', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])`;

void test(
  'sockets of the service manager are read by the inputs of their addresses, what waited in them first, and stay when the daemon ends',
  { ...needs('python3'), timeout: 120_000 },
  async (t) => {
    const directory = await tempDir(t);
    const input = (listen: string) => `  - { type: syslog, listen: '${listen}' }\n`;
    await writeFile(
      join(directory, 'template.yaml'),
      `data_dir: ${join(directory, 'data')}
server: { listen: '127.0.0.1:0' }
inputs:
${input(`unixgram://${directory}/gram`)}${input('udp://0.0.0.0:%d')}${input('tcp://127.0.0.1:%d')}${input(`unix://${directory}/stream`)}`,
    );
    const config = join(directory, 'regression.yaml');
    const child = spawn('python3', [
      '-c',
      manager,
      directory,
      process.execPath,
      program,
      'run',
      '--json',
      '--config',
      config,
    ]);
    t.teardown(() => child.kill('SIGKILL'));
    let stderr = '';
    child.stderr.on('data', (text) => (stderr += String(text)));
    const ended = once(child, 'close');
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const client = await clientOf(JSON.parse(line) as DaemonSummary);
    t.teardown(() => client.close());
    let messages: string[] = [];
    while (messages.length < 4) {
      messages = (await client.logs({})).rows.map(({ message }) => message);
      await delay(10);
    }

    t.strictSame(messages.toSorted(), [
      'waits in a datagram socket',
      'waits in a stream socket',
      'waits in a stream socket',
      'waits in a udp socket',
    ]);
    child.kill('SIGTERM');
    t.strictSame(await ended, [0, null]);
    for (const name of ['gram', 'stream']) t.ok(existsSync(join(directory, name)), 'the manager removes it, not we');
    t.match(stderr, /"hint":"To read it: inputs: \[\{ type: syslog, listen: 'unixgram:[^ ]*\/unused' \}\]/);
  },
);
