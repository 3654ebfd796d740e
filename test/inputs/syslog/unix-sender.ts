/** Sends to a Unix datagram socket, which Node cannot. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

const script = `import socket, sys
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.connect(sys.argv[1])
said = False
for index in range(int(sys.argv[2])):
  datagram = ('<13>Nov 24 03:00:00 host app: %d' % index).ljust(1000).encode()
  try: sender.send(datagram, socket.MSG_DONTWAIT)
  except BlockingIOError:
    if not said: print('waits', flush=True)
    said = True
    sender.send(datagram)`;

/** `count` datagrams of 1,000 bytes as fast as they are taken; writes to standard output the first time that it has to wait. */
export function spawnUnixSender(path: string, count: number): ChildProcessWithoutNullStreams {
  return spawn('python3', ['-c', script, path, String(count)]);
}
