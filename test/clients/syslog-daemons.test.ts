/** rsyslog and syslog-ng as senders, each with its own forwarding actions. */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test, type Test } from 'tap';
import { makeCertificates } from '../certificates.ts';
import { freePort } from '../free-port.ts';
import { needs, rsyslogModules, run, start } from './programs.ts';
import { startReceiver, type Receiver } from './receiver.ts';

/** Three messages over TCP to the daemon that is to forward them, as soon as it listens. */
async function feed(port: number): Promise<void> {
  const now = new Date().toISOString();
  const messages = ['first', 'second \u00fc', 'third'].map(
    (text, index) => `<${131 + index}>1 ${now} web1 shop 42 ID7 [x@1 k="v"] ${text}\n`,
  );
  for (let attempt = 0; ; attempt++) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      socket.end(messages.join(''));
      await once(socket, 'close');
      return;
    } catch (error) {
      if (attempt === 200) throw error;
      await delay(50);
    }
  }
}

function checkRows(t: Test, rows: Awaited<ReturnType<Receiver['rows']>>): void {
  t.strictSame(
    rows.map(({ message }) => message.trimStart()),
    ['first', 'second \u00fc', 'third'],
  );
  t.strictSame(
    rows.map(({ severity }) => severity),
    ['ERROR', 'WARN', 'INFO'],
  );
  t.match(rows[0], {
    application: 'shop',
    metadata: { facility: 'local0', host: 'web1', procid: '42', peer: '127.0.0.1' },
  });
}

async function startRsyslog(t: Test, directory: string, action: string, global = ''): Promise<number> {
  const port = await freePort();
  const config = join(directory, 'rsyslog.conf');
  await mkdir(join(directory, 'work'));
  await writeFile(
    config,
    `global(workDirectory="${directory}/work" net.enableDNS="off" ${global})
module(load="imtcp")
ruleset(name="r") { action(${action} queue.type="LinkedList" action.resumeRetryCount="-1") }
input(type="imtcp" port="${port}" address="127.0.0.1" ruleset="r")
`,
  );
  start(t, 'rsyslogd', ['-n', '-f', config, '-i', join(directory, 'pid'), '-M', rsyslogModules()]);
  return port;
}

const rfc5424 = 'template="RSYSLOG_SyslogProtocol23Format"';

void test('rsyslog omfwd over UDP', needs('rsyslogd'), async (t) => {
  const { directory, ports, rows } = await startReceiver(t, [{ listen: 'udp://127.0.0.1:0' }]);
  await feed(
    await startRsyslog(t, directory, `type="omfwd" target="127.0.0.1" port="${ports[0]}" protocol="udp" ${rfc5424}`),
  );

  checkRows(t, await rows(3));
});

void test('rsyslog omfwd over TCP, octet-counted', needs('rsyslogd'), async (t) => {
  const { directory, ports, rows } = await startReceiver(t, [{ listen: 'tcp://127.0.0.1:0' }]);
  const action = `type="omfwd" target="127.0.0.1" port="${ports[0]}" protocol="tcp" TCP_Framing="octet-counted" ${rfc5424}`;
  await feed(await startRsyslog(t, directory, action));
  const got = await rows(3);

  checkRows(t, got);
  t.match(got[0]?.metadata, { msgid: 'ID7', 'x@1.k': 'v' });
});

void test('rsyslog omfwd over TCP in its own format, by lines', needs('rsyslogd'), async (t) => {
  const { directory, ports, rows } = await startReceiver(t, [{ listen: 'tcp://127.0.0.1:0' }]);
  await feed(await startRsyslog(t, directory, `type="omfwd" target="127.0.0.1" port="${ports[0]}" protocol="tcp"`));

  checkRows(t, await rows(3));
});

void test('rsyslog omfwd over TLS, each checking the other', needs('rsyslogd'), async (t) => {
  const files = await makeCertificates(t);
  const tls = { cert: files.cert, key: files.key, ca: files.ca, client_certificate: 'required' };
  const { directory, ports, rows } = await startReceiver(t, [{ listen: 'tls://127.0.0.1:0', tls }]);
  const global = `DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="${files.ca}" DefaultNetstreamDriverCertFile="${files.clientCert}" DefaultNetstreamDriverKeyFile="${files.clientKey}"`;
  const driver =
    'StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost"';
  const port = await freePort();
  const config = join(directory, 'rsyslog.conf');
  await mkdir(join(directory, 'work'));
  await writeFile(
    config,
    `global(workDirectory="${directory}/work" net.enableDNS="off" ${global})
module(load="imptcp")
ruleset(name="r") { action(type="omfwd" target="127.0.0.1" port="${ports[0]}" protocol="tcp" TCP_Framing="octet-counted" ${driver} ${rfc5424}) }
input(type="imptcp" port="${port}" address="127.0.0.1" ruleset="r")
`,
  );
  start(t, 'rsyslogd', ['-n', '-f', config, '-i', join(directory, 'pid'), '-M', rsyslogModules()]);
  await feed(port);
  const got = await rows(3);

  checkRows(t, got);
  t.equal(got[0]?.metadata['peer_certificate'], 'app-7');
});

async function startSyslogNg(t: Test, directory: string, destination: string): Promise<number> {
  const port = await freePort();
  const config = join(directory, 'syslog-ng.conf');
  await writeFile(
    config,
    `@version: 3.38
options { stats-freq(0); keep-hostname(yes); use-dns(no); };
source s { network(ip("127.0.0.1") port(${port}) transport("tcp") flags(syslog-protocol)); };
destination d { ${destination} };
log { source(s); destination(d); };
`,
  );
  const at = (name: string): string => join(directory, name);
  const state = ['--persist-file', at('persist'), '--pidfile', at('pid'), '--control', at('ctl')];
  start(t, 'syslog-ng', ['-F', '-f', config, ...state]);
  return port;
}

void test('syslog-ng network() over UDP and TCP, in the old format', needs('syslog-ng'), async (t) => {
  for (const transport of ['udp', 'tcp']) {
    const { directory, ports, rows } = await startReceiver(t, [{ listen: `${transport}://127.0.0.1:0` }]);
    const destination = `network("127.0.0.1" port(${ports[0]}) transport("${transport}") flush-lines(1));`;
    await feed(await startSyslogNg(t, directory, destination));

    checkRows(t, await rows(3));
  }
});

void test('syslog-ng syslog() over TCP: RFC 5424, counted', needs('syslog-ng'), async (t) => {
  const { directory, ports, rows } = await startReceiver(t, [{ listen: 'tcp://127.0.0.1:0' }]);
  await feed(await startSyslogNg(t, directory, `syslog("127.0.0.1" port(${ports[0]}) transport("tcp"));`));
  const got = await rows(3);

  checkRows(t, got);
  t.match(got[0]?.metadata, { msgid: 'ID7', 'x@1.k': 'v' });
});

void test('syslog-ng syslog() over TLS', needs('syslog-ng'), async (t) => {
  const files = await makeCertificates(t);
  const tls = { cert: files.cert, key: files.key };
  const { directory, ports, rows } = await startReceiver(t, [{ listen: 'tls://127.0.0.1:0', tls }]);
  const trust = `tls(ca-file("${files.ca}") peer-verify(required-trusted))`;
  await feed(await startSyslogNg(t, directory, `syslog("localhost" port(${ports[0]}) transport("tls") ${trust});`));

  checkRows(t, await rows(3));
});

/** How many loggen says it sent. */
function sentBy(output: string): number {
  return Number(/count=(\d+)/.exec(output)?.[1] ?? NaN);
}

void test('loggen: all that it sent over TCP is stored, of datagrams all or counted', needs('loggen'), async (t) => {
  const { ports, rows } = await startReceiver(t, [{ listen: 'tcp://127.0.0.1:0' }, { listen: 'udp://127.0.0.1:0' }]);
  const [tcp, udp] = ports;
  const options = ['--inet', '--rate', '2000', '--number', '1000', '--size', '300', '--syslog-proto'];
  const overTcp = sentBy(await run('loggen', [...options, '--stream', '127.0.0.1', String(tcp)]));
  const counted = await rows(overTcp);
  const overUdp = sentBy(await run('loggen', [...options, '--dgram', '127.0.0.1', String(udp)]));
  const all = await rows(overTcp + overUdp);

  t.equal(overTcp, 1000);
  t.equal(counted.length, overTcp);
  t.equal(all.length, overTcp + overUdp);
  t.match(all[0], { application: 'prg00000', metadata: { procid: '1234' } });
});
