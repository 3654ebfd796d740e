/**
 * The contenders of the network benchmarks, each started on a free port and asked how much it has: ours by its metrics, rsyslog and
 * syslog-ng by the lines of the plain file they write. What the kernel dropped is read from /proc/net/udp, for all alike.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readKernelDrops } from '../src/inputs/syslog/kernel-drops.ts';

export interface Receiver {
  readonly port: number;
  readonly pid: number;
  /** Our endpoint and its token; empty for the others. */
  readonly url: string;
  readonly token: string;
  /** Messages it has: rows committed, lines written. */
  stored(): Promise<number>;
  /** What it received and then threw away, by its own count. */
  dropped(): Promise<number>;
  kernelDrops(): Promise<number>;
  readonly stop: () => Promise<void>;
}

export type Transport = 'udp' | 'tcp';

/** The kernel gives twice what is asked for, and counts its own bookkeeping with it (socket(7)). */
const askedBytes = (bufferBytes: number): number => bufferBytes / 2;

export const contenders = { regression, rsyslog, 'syslog-ng': syslogNg };

async function regression(transport: Transport, bufferBytes: number): Promise<Receiver> {
  const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
  const port = await freePort();
  const config = join(directory, 'regression.yaml');
  const inputs = [
    { type: 'syslog', listen: `${transport}://127.0.0.1:${port}`, receive_buffer_bytes: askedBytes(bufferBytes) },
  ];
  await writeFile(
    config,
    JSON.stringify({
      data_dir: join(directory, 'data'),
      inputs,
      server: { listen: '127.0.0.1:0' },
      log: { level: 'error' },
    }),
  );
  const program = join(import.meta.dirname, '../bin/regression.js');
  const child = spawn(process.execPath, [program, 'run', '--json', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { server: url, adminTokenPath } = JSON.parse(line.toString().split('\n', 1)[0] ?? '') as Record<string, string>;
  const total = async (name: string): Promise<number> => {
    const text = await (await fetch(`${url}/metrics`)).text();
    const values = [...text.matchAll(new RegExp(`^regression_${name}(?:\\{([^}]*)\\})? (\\d+)$`, 'gm'))];
    const ours = values.filter(([, labels]) => labels?.includes('kernel_buffer_full') !== true);
    return ours.reduce((sum, [, , value]) => sum + Number(value), 0);
  };
  return {
    ...receiverOf(child, port, directory),
    url: url ?? '',
    token: (await readFile(adminTokenPath ?? '', 'utf8')).trim(),
    stored: () => total('store_records_total'),
    dropped: () => total('input_dropped_total'),
  };
}

async function rsyslog(transport: Transport, bufferBytes: number): Promise<Receiver> {
  const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
  const port = await freePort();
  const module =
    transport === 'udp' ? 'module(load="imudp" threads="1" batchSize="64" timeRequery="8")' : 'module(load="imptcp")';
  const buffer = transport === 'udp' ? `rcvbufSize="${askedBytes(bufferBytes)}"` : '';
  const config = join(directory, 'rsyslog.conf');
  await mkdir(join(directory, 'work'));
  await writeFile(
    config,
    `global(workDirectory="${directory}/work" net.enableDNS="off")
${module}
template(name="t" type="string" string="%timereported:::date-rfc3339% %hostname% %programname%[%procid%] %syslogseverity-text% %msg%\\n")
ruleset(name="r" queue.type="FixedArray" queue.size="1000000" queue.dequeueBatchSize="4096" queue.workerThreads="1") { action(type="omfile" file="${directory}/out" template="t" flushOnTXEnd="on" ioBufferSize="256k") }
input(type="${transport === 'udp' ? 'imudp' : 'imptcp'}" address="127.0.0.1" port="${port}" ruleset="r" ${buffer})
`,
  );
  const unpacked = '/opt/rsyslog';
  const isUnpacked = existsSync(`${unpacked}/usr/sbin/rsyslogd`);
  const modules = isUnpacked ? ['-M', `${unpacked}/usr/lib/x86_64-linux-gnu/rsyslog`] : [];
  const program = isUnpacked ? `${unpacked}/usr/sbin/rsyslogd` : 'rsyslogd';
  const child = spawn(program, ['-n', '-f', config, '-i', join(directory, 'pid'), ...modules], { stdio: 'ignore' });
  await delay(1000);
  return {
    ...receiverOf(child, port, directory),
    stored: () => linesOf(join(directory, 'out')),
    dropped: async () => 0,
  };
}

async function syslogNg(transport: Transport, bufferBytes: number): Promise<Receiver> {
  const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
  const port = await freePort();
  const config = join(directory, 'syslog-ng.conf');
  const at = (name: string): string => join(directory, name);
  await writeFile(
    config,
    `@version: 3.38
options { stats-freq(0); flush-lines(1000); log-fifo-size(1000000); keep-hostname(yes); use-dns(no); log-msg-size(65536); threaded(yes); };
source s { network(ip("127.0.0.1") port(${port}) transport("${transport}") ${transport === 'udp' ? `so-rcvbuf(${askedBytes(bufferBytes)})` : 'max-connections(20) log-iw-size(100000)'}); };
destination d { file("${directory}/out" template("\${ISODATE} \${HOST} \${PROGRAM}[\${PID}] \${LEVEL} \${MSG}\\n")); };
log { source(s); destination(d); flags(flow-control); };
`,
  );
  const state = ['--persist-file', at('persist'), '--pidfile', at('pid'), '--control', at('ctl')];
  const child = spawn('/usr/sbin/syslog-ng', ['-F', '-f', config, ...state], { stdio: 'ignore' });
  await delay(1000);
  return { ...receiverOf(child, port, directory), stored: () => linesOf(at('out')), dropped: async () => 0 };
}

function receiverOf(child: ChildProcess, port: number, directory: string) {
  return {
    port,
    pid: child.pid ?? 0,
    url: '',
    token: '',
    kernelDrops: async () => (await readKernelDrops('127.0.0.1', port)) ?? 0,
    stop: async (): Promise<void> => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function linesOf(path: string): Promise<number> {
  if (!existsSync(path)) return 0;
  let lines = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    for (let at = (chunk as Buffer).indexOf(10); at >= 0; at = (chunk as Buffer).indexOf(10, at + 1)) lines++;
  }
  return lines;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
